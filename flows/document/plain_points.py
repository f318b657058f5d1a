"""The points of most periods: a position and one number each, by libxml2 straight into arrays.

XPath says whether all points of a period are alike and gives their texts, so that no element of
them becomes an object of Python. What is not of that kind, or not sound, is for `points`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from lxml import etree

from flows.document.curve import Curve
from flows.document.decimals import DECIMALS, POSITIONS, are_all
from flows.document.strict_xml import local_name, namespace

if TYPE_CHECKING:
    from flows.document.curve import Integers
    from flows.document.series_header import SeriesHeader

_PLAIN = 2
_NAME = re.compile(r"[A-Za-z_]{1,60}(?:\.[A-Za-z]{1,20})?", re.ASCII)
_COUNTED = [str(number) for number in range(1, 101)]
"""Positions as most periods have them: one after another, at most a long day's quarter-hours."""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class _Questions(NamedTuple):
    """What is asked of a period about its points.

    Together they leave one case: `alike` has two elements in each point on average and none in
    these, hence at most one text in each; as many texts of first elements, and of second ones, as
    there are points then come from one element in each of them.
    """

    alike: etree.XPath
    positions: etree.XPath
    numbers: etree.XPath


@lru_cache(maxsize=512)
def role(tag: str) -> tuple[str, str]:
    """Return (role, measure) of an element of a point.

    The schemas name values in two ways: quantity, secondaryQuantity; and price.amount,
    imbalance_Price.amount, unavailable_Quantity.quantity, flowDirection.direction.
    """
    stem, _, attribute = local_name(tag).rpartition(".")
    measure = _CAMEL.sub("_", stem or attribute).lower()
    return ("quantity" if attribute.lower().endswith("quantity") else attribute), measure


def read_plain(period: etree._Element, header: SeriesHeader) -> Curve | None:
    """Return the curve of `period`; None where `points` is to look at its points one by one."""
    first = next(period.iterchildren("{*}Point"), None)
    if first is None or len(first) != _PLAIN:
        return None
    tag = str(first[1].tag)
    questions = _questions(str(first.tag), str(first[0].tag), tag)
    if questions is None or not questions.alike(period):
        return None
    count = len(period) - period.index(first)
    places, numbers = questions.positions(period), questions.numbers(period)
    if len(places) != count or len(numbers) != count:
        return None
    positions = _ascending(places)
    if positions is None or not are_all(numbers, DECIMALS):
        return None
    values = np.fromiter(map(float, numbers), np.float64, count)
    if not np.isfinite(values).all():
        return None
    kind, measure = role(tag)
    return Curve(
        measure=measure,
        unit=header.price_unit if kind == "amount" else header.quantity_unit,
        positions=positions,
        values=values,
        categories=np.full(count, None, dtype=object),
        directions=np.full(count, header.direction, dtype=object),
    )


def _ascending(texts: list[str]) -> Integers | None:
    """Return the positions; None where these are none, or one is not after that before it."""
    if texts == _COUNTED[: len(texts)]:
        return np.arange(1, len(texts) + 1, dtype=np.int64)
    if not are_all(texts, POSITIONS):
        return None
    positions = np.fromiter(map(int, texts), np.int64, len(texts))
    return positions if (positions[1:] > positions[:-1]).all() else None


@lru_cache(maxsize=64)
def _questions(point: str, position: str, number: str) -> _Questions | None:
    """Return what to ask where the first point is `point` of `position`, `number`."""
    space, name = namespace(point), local_name(number)
    if (
        local_name(position) != "position"
        or role(number)[0] not in {"amount", "quantity"}
        or {namespace(position), namespace(number)} != {space}
        or not _NAME.fullmatch(name)
    ):
        return None
    spaces = {"p": space} if space else {}
    prefix = "p:" if space else ""
    points = f"{prefix}Point"
    return _Questions(
        *(
            etree.XPath(path, namespaces=spaces, smart_strings=False)
            for path in (
                f"count({points}/*) = {_PLAIN} * count({points}) and not({points}/*/*)",
                f"{points}/*[1]/self::{prefix}position/text()",
                f"{points}/*[2]/self::{prefix}{name}/text()",
            )
        )
    )

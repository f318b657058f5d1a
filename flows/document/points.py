"""The points of one period: positions checked, values parsed, a curve for each measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flows.document.codes import FLOW_DIRECTIONS, PAYMENT_DIRECTIONS
from flows.document.curve import Curve
from flows.document.decimals import DECIMALS, POSITIONS, are_all
from flows.document.fields import ANY, CODE, Fields
from flows.document.plain_points import read_plain, role
from flows.document.strict_xml import children, fault, namespace

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from lxml import etree

    from flows.document.curve import Floats, Integers, Objects
    from flows.document.series_header import SeriesHeader
    from flows.errors import DocumentError


class _Column(NamedTuple):
    """The texts of all elements of one name, and the number of the point that each stands in."""

    tag: str
    points: list[int]
    texts: list[str]


class _Compound(NamedTuple):
    """An element that holds others, and the number of the point that it stands in."""

    point: int
    item: etree._Element


def read_curves(period: etree._Element, header: SeriesHeader) -> list[Curve]:
    """Return a curve for each measure that the points of `period` give.

    A position may come twice only with another category or direction (imbalance prices); each of
    these is then a curve of its own.

    Args:
        period: the element that holds the points.
        header: of its TimeSeries, for units and for the direction where a point states none.

    Raises:
        DocumentError: no point, a position that is no number, a value that is no finite number.

    """
    plain = read_plain(period, header)
    if plain is not None:
        return [plain]
    points = children(period, "Point")
    if not points:
        raise fault(period, "has no <Point>")
    columns, compound = _columns(points)
    positions = _positions(points, columns)
    curves = _plain_curves(points, positions, columns, header)
    curves += _compound_curves(points, positions, compound, header)
    if not curves:
        curves = [_empty_curve(points, positions, header)]
    if len(np.unique(positions)) == len(positions):
        return curves
    return [part for curve in curves for part in _by_qualifier(curve)]


def _columns(points: list[etree._Element]) -> tuple[dict[str, _Column], list[_Compound]]:
    """Return the texts of the points by the elements' tags, and the elements that hold others."""
    columns: dict[str, _Column] = {}
    compound: list[_Compound] = []
    for number, point in enumerate(points):
        for item in point:
            tag = str(item.tag)
            column = columns.get(tag)
            if column is None:
                if len(item):
                    compound.append(_Compound(number, item))
                    continue
                if namespace(tag) != namespace(str(point.tag)):
                    raise fault(item, "is of another namespace than its point")
                column = columns[tag] = _Column(tag, [], [])
            elif len(item):
                raise fault(item, "has elements in it, unlike the first of its name")
            column.points.append(number)
            column.texts.append(item.text or "")
    return columns, compound


def _positions(points: list[etree._Element], columns: dict[str, _Column]) -> Integers:
    column = next((c for c in columns.values() if role(c.tag)[1] == "position"), None)
    if column is None or column.points != list(range(len(points))):
        # A position that holds elements is none.
        sound = ([len(item) for item in children(point, "position")] == [0] for point in points)
        at = next((at for at, is_sound in enumerate(sound) if not is_sound), 0)
        raise fault(points[at], "has no <position> or more than one")
    _check(points, column, POSITIONS, "is no position: a whole number from 1")
    return np.fromiter(map(int, column.texts), np.int64, len(points))


def _plain_curves(
    points: list[etree._Element],
    positions: Integers,
    columns: Mapping[str, _Column],
    header: SeriesHeader,
) -> list[Curve]:
    """Return the curves of `<quantity>`, `<price.amount>` and their like."""
    no_categories = categories = _all(points, None)
    directions = _all(points, header.direction)
    payments: dict[str, Objects] = {}
    for column in columns.values():
        kind, measure = role(column.tag)
        if kind == "category":
            categories = _codes(points, column, {}, None)
        elif kind == "direction" and measure.startswith("flow"):
            directions = _codes(points, column, FLOW_DIRECTIONS, header.direction)
        elif kind == "direction":
            payments[measure] = _codes(points, column, PAYMENT_DIRECTIONS, header.direction)
    curves: list[Curve] = []
    for column in columns.values():
        kind, measure = role(column.tag)
        if kind not in {"amount", "quantity"}:
            continue
        is_price = kind == "amount"
        curves.append(
            Curve(
                measure=measure,
                unit=header.price_unit if is_price else header.quantity_unit,
                positions=positions,
                values=_values(points, column),
                categories=categories if is_price else no_categories,
                directions=payments.get(measure, directions),
            )
        )
    return curves


def _compound_curves(
    points: list[etree._Element],
    positions: Integers,
    compound: list[_Compound],
    header: SeriesHeader,
) -> list[Curve]:
    """Return the curves of `<Financial_Price>` elements, one for each kind that the points have."""
    columns: dict[tuple[str, str | None, str | None], _Column] = {}
    for number, item in compound:
        fields = Fields(item, without=frozenset())
        amount = fields.get("amount", pattern=ANY)
        if amount is None:
            continue
        payment = fields.get("direction")
        direction = PAYMENT_DIRECTIONS.get(payment, payment) if payment else header.direction
        kind = (role(str(item.tag))[1], fields.get("priceDescriptor.type"), direction)
        column = columns.setdefault(kind, _Column(str(item.tag), [], []))
        column.points.append(number)
        column.texts.append(amount)
    return [
        Curve(
            measure=measure,
            unit=header.price_unit,
            positions=positions,
            values=_values(points, column),
            categories=_all(points, category),
            directions=_all(points, direction),
        )
        for (measure, category, direction), column in columns.items()
    ]


def _empty_curve(points: list[etree._Element], positions: Integers, header: SeriesHeader) -> Curve:
    """Return the curve of points none of which has a value: all missing."""
    is_price = header.currency is not None and header.quantity_unit is None
    return Curve(
        measure="price" if is_price else "quantity",
        unit=header.price_unit if is_price else header.quantity_unit,
        positions=positions,
        values=np.full(len(points), np.nan),
        categories=_all(points, None),
        directions=_all(points, header.direction),
    )


def _by_qualifier(curve: Curve) -> list[Curve]:
    """Return a curve of its own for each (category, direction) that the curve's values have."""
    kinds: dict[tuple[object, object], list[int]] = {}
    for number in np.flatnonzero(~np.isnan(curve.values)).tolist():
        kinds.setdefault((curve.categories[number], curve.directions[number]), []).append(number)
    parts = [curve.at(np.array(numbers, dtype=np.int64)) for numbers in kinds.values()]
    return parts or [curve]


def _all(points: list[etree._Element], constant: str | None) -> Objects:
    return np.full(len(points), constant, dtype=object)


def _codes(
    points: list[etree._Element],
    column: _Column,
    names: Mapping[str, str],
    otherwise: str | None,
) -> Objects:
    """Return each point's code, or its name where `names` has one."""
    codes = _all(points, otherwise)
    for at, (number, text) in enumerate(zip(column.points, column.texts, strict=True)):
        code = text.strip()
        if not CODE.fullmatch(code):
            raise _blame(points, column, at, f"is no code: {text!r}")
        codes[number] = names.get(code, code)
    return codes


def _values(points: list[etree._Element], column: _Column) -> Floats:
    """Return the column's number for each point; NaN for those that have none."""
    again = np.flatnonzero(np.diff(column.points) == 0)
    if again.size:
        raise _blame(points, column, int(again[0]) + 1, "comes twice in one point")
    _check(points, column, DECIMALS, "is no decimal number")
    numbers = np.fromiter(map(float, column.texts), np.float64, len(column.texts))
    infinite = np.flatnonzero(~np.isfinite(numbers))
    if infinite.size:
        raise _blame(points, column, int(infinite[0]), "is too large a number")
    values = np.full(len(points), np.nan)
    values[column.points] = numbers
    return values


def _check(
    points: list[etree._Element], column: _Column, lines: re.Pattern[str], what: str
) -> None:
    """Raise unless each text of the column, put on a line of its own, is what `lines` describes."""
    if are_all(column.texts, lines):
        return
    for at, text in enumerate(column.texts):
        if not are_all([text.strip()], lines):
            raise _blame(points, column, at, f"{what}: {text!r}")


def _blame(points: list[etree._Element], column: _Column, at: int, what: str) -> DocumentError:
    point = points[column.points[at]]
    return fault([item for item in point if item.tag == column.tag][-1], what)

"""One TimeSeries: what its header says, and its periods as blocks of values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flows.document.curve import fill
from flows.document.moments import read_interval
from flows.document.overlap import Rows, later_wins
from flows.document.points import read_curves
from flows.document.resolution import fewest_values, grid, parse_resolution
from flows.document.series_header import PERIODS
from flows.document.strict_xml import child, fault, local, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from lxml import etree

    from flows.document.curve import Curve, Filled, Floats, Integers, Objects
    from flows.document.series_header import SeriesHeader

_FEED_IN = "WindPowerFeedin_Period"

MAX_VALUES = 2_000_000
"""Most values that one document may expand to: a year of quarter-hours for 57 series."""


class Kind(NamedTuple):
    """What tells the values of one TimeSeries apart; blocks of one kind may replace each other."""

    measure: str
    categories: frozenset[object]
    directions: frozenset[object]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Values of one measure of one period; arrays of one length, times in ns since 1970 (UTC)."""

    header: SeriesHeader
    kind: Kind
    unit: str | None
    resolution: str
    starts: Integers
    ends: Integers
    values: Floats
    categories: Objects
    directions: Objects


def read_blocks(header: SeriesHeader, tz: str, *, steps: bool, room: int) -> list[Block]:
    """Return the values of a TimeSeries, later periods in place of earlier ones they overlap.

    Args:
        header: what is read from the TimeSeries already.
        tz: the clock of its zone, for calendar resolutions.
        steps: one row for each value as stated (outages), instead of one for each interval.
        room: how many values the document may still expand to.

    Raises:
        DocumentError: in the points, or a period that does not fit its resolution.

    """
    blocks: list[Block] = []
    periods = [item for item in header.fields.element if local(item) in PERIODS]
    if not periods and not steps:
        raise fault(header.fields.element, "has no <Period>")
    for period in periods:
        read = _read_period(period, header, tz, steps=steps, room=room)
        room -= sum(len(block.values) for block in read)
        blocks += read
    return settle(blocks, lambda block: block.kind)


def _read_period(
    period: etree._Element, header: SeriesHeader, tz: str, *, steps: bool, room: int
) -> list[Block]:
    start, end = read_interval(period)
    stated = child(period, "resolution")
    try:
        resolution = parse_resolution(text_of(stated))
    except ValueError as error:
        raise fault(stated, str(error)) from error
    curves = read_curves(period, header)
    if local(period) == _FEED_IN:
        curves = [curve._replace(measure="wind_power_feedin") for curve in curves]
    if not steps and len(curves) * fewest_values(start, end, resolution) > room:
        raise fault(period, f"is too long: the document would have over {MAX_VALUES:,} values")
    try:
        places = grid(start, end, resolution, tz, may_cut=steps)
        filled = [fill(curve, places, variable=header.variable, steps=steps) for curve in curves]
    except ValueError as error:
        raise fault(period, str(error)) from error
    return [
        _block(curve, places, header, resolution.text)
        for curve, places in zip(curves, filled, strict=True)
    ]


def _block(curve: Curve, filled: Filled, header: SeriesHeader, resolution: str) -> Block:
    values, categories, directions = curve.values, curve.categories, curve.directions
    points = filled.points
    if points is not None:
        values, categories, directions = values[points], categories[points], directions[points]
        empty = points < 0
        values[empty], categories[empty], directions[empty] = np.nan, None, header.direction
    return Block(
        header=header,
        kind=Kind(curve.measure, frozenset(curve.categories) - {None}, frozenset(directions)),
        unit=curve.unit,
        resolution=resolution,
        starts=filled.starts,
        ends=filled.ends,
        values=values,
        categories=categories,
        directions=directions,
    )


def settle(blocks: Iterable[Block], key: Callable[[Block], Hashable]) -> list[Block]:
    """Return the blocks with later ones in place of earlier ones of the same key they overlap."""
    groups: dict[Hashable, list[Block]] = {}
    for block in blocks:
        groups.setdefault(key(block), []).append(block)
    settled: list[Block] = []
    for group in groups.values():
        kept = later_wins([Rows(block.starts, block.ends) for block in group])
        if kept is None:
            settled += group
            continue
        settled += [
            replace(
                block,
                starts=part.starts,
                ends=part.ends,
                values=block.values[part.rows],
                categories=block.categories[part.rows],
                directions=block.directions[part.rows],
            )
            for block, part in zip(group, kept, strict=True)
            if len(part.rows)
        ]
    return settled

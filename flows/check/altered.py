"""Changes to a sample that make other documents of it: XML, as the platform would write it."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from lxml import etree

from flows.document.curve import VARIABLE_BLOCKS
from flows.document.moments import parse_time
from flows.document.resolution import parse_resolution
from flows.document.series_header import PERIODS
from flows.document.strict_xml import child, children, local, parse, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from flows.document.resolution import Resolution

_DAYS_LOOKED_AT: Final = 400
_MOST_VALUES: Final = 200_000
_LEAST_CUT: Final = 4
_EDGES: Final = ("start", "end")
_DAY_AHEAD: Final = "A01"
UNKNOWN_EIC: Final = "10YGRIDLETTER--Q"
"""An area that neither a map nor a list of zones has, in the form of an EIC."""


def _written(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode")


def with_revision(xml: str, revision: int) -> str:
    """Return the document as its revision number `revision`."""
    root = parse(xml)
    for element in children(root, "revisionNumber"):
        element.text = str(revision)
    return _written(root)


def as_day_ahead(xml: str) -> str:
    """Return the document as the day-ahead forecast of what it is about (process type A01)."""
    root = parse(xml)
    for element in children(root, "process.processType"):
        element.text = _DAY_AHEAD
    return _written(root)


def in_unknown_zone(xml: str, eic: str) -> str:
    """Return the document as one about an area that nobody knows, instead of that with `eic`."""
    root = parse(xml)
    for element in root.iter():
        if local(element).endswith("_Domain.mRID") and element.text == eic:
            element.text = UNKNOWN_EIC
    return _written(root)


def without_types(xml: str, codes: Collection[str]) -> str:
    """Return the document without the series of these production types."""
    root = parse(xml)
    for series in children(root, "TimeSeries"):
        if any(local(item).endswith("psrType") and item.text in codes for item in series.iter()):
            root.remove(series)
    return _written(root)


def with_gaps(xml: str) -> str | None:
    """Return the document without its values from a third to a half of each period.

    A period becomes two, which is how the platform leaves out a time that nobody reported. None
    where no period is long enough.
    """
    root = parse(xml)
    cut = [_cut(series, period) for series, period in list(_periods(root)) if _is_long(period)]
    return _written(root) if any(cut) else None


def change_day(xml: str, tz: str, hours: int) -> str | None:
    """Return the document moved to the next day with so many hours in a zone that lives by `tz`.

    Every time keeps its reading of the zone's clock: what covered a day covers that day, with an
    hour's values less, or with the last hour's once more. None where the zone has no such day, or
    where values last longer than a day.
    """
    root = parse(xml)
    if any(not _resolution(period).seconds for _, period in _periods(root)):
        return None
    clock = ZoneInfo(tz)
    first = min((_interval(period)[0] for _, period in _periods(root)), default=None)
    days = None if first is None else _days_until(first, clock, hours)
    if days is None:
        return None
    _move(root, lambda moment: _moved(moment, timedelta(days=days), clock))
    return _written(root)


def _days_until(moment: datetime, clock: ZoneInfo, hours: int) -> int | None:
    """Return how many days after that of `moment` the clock next has a day of so many hours."""
    day = moment.astimezone(clock).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    later = range(1, _DAYS_LOOKED_AT)
    return next((d for d in later if _hours_of(day + timedelta(days=d), clock) == hours), None)


def _hours_of(day: datetime, clock: ZoneInfo) -> float:
    """Return the length of the local `day`, which has no zone, in hours."""
    start, end = (_utc(midnight, clock) for midnight in (day, day + timedelta(days=1)))
    return (end - start) / timedelta(hours=1)


def _utc(wall: datetime, clock: ZoneInfo) -> datetime:
    """Return the moment at which the clock reads `wall`, the first if it does so twice.

    A reading that the clock skips, for an hour from a full hour on, is the moment when it does.
    """
    moment = wall.replace(tzinfo=clock).astimezone(UTC)
    is_read = moment.astimezone(clock).replace(tzinfo=None) == wall
    return moment if is_read else moment.replace(minute=0, second=0)


def _move(root: etree._Element, moved: Callable[[datetime], datetime]) -> None:
    """Move every time in the document, and fit each period's values to the length it then has."""
    before = [(series, period, _count(period)) for series, period in _periods(root)]
    for element in root.iter():
        name = local(element)
        if name.endswith("_DateAndOrTime.date"):
            _move_date_and_time(element, moved)
        elif name == "createdDateTime" or _is_edge(element):
            element.text = f"{moved(parse_time(text_of(element))):%Y-%m-%dT%H:%M:%SZ}"
    for series, period, count in before:
        start, end = _interval(period)
        if end > start:
            _fit(series, period, count)
        else:
            series.remove(period)


def _is_edge(element: etree._Element) -> bool:
    """Say whether the element is the start or the end of a time interval; see `read_interval`."""
    name = local(element)
    if name.endswith(("timeInterval.start", "timeInterval.end")):
        return True
    parent = element.getparent()
    return name in _EDGES and parent is not None and local(parent).endswith("timeInterval")


def _move_date_and_time(date: etree._Element, moved: Callable[[datetime], datetime]) -> None:
    """Move a date and the time beside it, as outages have them."""
    time = child(date.getparent(), local(date).removesuffix("date") + "time")  # type: ignore[arg-type]
    moment = moved(parse_time(f"{text_of(date)}T{text_of(time)}"))
    date.text, time.text = f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%SZ}"


def _fit(series: etree._Element, period: etree._Element, count: int) -> None:
    """Take off the values after the period's new end, or state the last ones again before it."""
    now = _count(period)
    points = {_position(point): point for point in children(period, "Point")}
    for position, point in points.items():
        if position > now:
            period.remove(point)
    if _is_carried(series):
        return
    for position in range(count + 1, now + 1):
        again = points.get(position - (now - count))
        if again is not None:
            period.append(_at_position(again, position))


def _cut(series: etree._Element, period: etree._Element) -> bool:
    """Make two periods of one that leave out what is between; say whether that was possible."""
    count, (start, _) = _count(period), _interval(period)
    left, right = count // 3, count // 2
    points = {_position(point): point for point in children(period, "Point")}
    first = [point for position, point in points.items() if position <= left]
    second = {position - right: point for position, point in points.items() if position > right}
    if _is_carried(series) and 1 not in second:
        second[1] = points[max(position for position in points if position <= right + 1)]
    if not first or not second:
        return False
    later = deepcopy(period)
    for point in points.values():
        if point not in first:
            period.remove(point)
    for point in children(later, "Point"):
        later.remove(point)
    later.extend(_at_position(second[position], position) for position in sorted(second))
    step = timedelta(seconds=_resolution(period).seconds)
    _set_edge(period, "end", start + left * step)
    _set_edge(later, "start", start + right * step)
    period.addnext(later)
    return True


def _at_position(point: etree._Element, position: int) -> etree._Element:
    copy = deepcopy(point)
    child(copy, "position").text = str(position)
    return copy


def _periods(root: etree._Element) -> Iterator[tuple[etree._Element, etree._Element]]:
    """Yield (series, period) of each period of values."""
    for series in children(root, "TimeSeries"):
        for period in series:
            if local(period) in PERIODS:
                yield series, period


def _is_carried(series: etree._Element) -> bool:
    """Say whether a value holds until the next one stated (curve type A03)."""
    return any(text_of(curve) == VARIABLE_BLOCKS for curve in children(series, "curveType"))


def _is_long(period: etree._Element) -> bool:
    return bool(_resolution(period).seconds) and _LEAST_CUT <= _count(period) <= _MOST_VALUES


def _position(point: etree._Element) -> int:
    return int(text_of(child(point, "position")))


def _resolution(period: etree._Element) -> Resolution:
    return parse_resolution(text_of(child(period, "resolution")))


def _interval(period: etree._Element) -> tuple[datetime, datetime]:
    """Return start and end as stated; unlike `read_interval` also where nothing is left."""
    interval = child(period, "timeInterval")
    start, end = (parse_time(text_of(child(interval, edge))) for edge in _EDGES)
    return start, end


def _set_edge(period: etree._Element, edge: str, moment: datetime) -> None:
    child(child(period, "timeInterval"), edge).text = f"{moment:%Y-%m-%dT%H:%MZ}"


def _count(period: etree._Element) -> int:
    """Return how many values the period has room for."""
    start, end = _interval(period)
    return (end - start) // timedelta(seconds=_resolution(period).seconds)


def _moved(moment: datetime, by: timedelta, clock: ZoneInfo) -> datetime:
    return _utc(moment.astimezone(clock).replace(tzinfo=None) + by, clock)

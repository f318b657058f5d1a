"""Resolutions (IEC 62325 ESMP, ISO 8601 durations) and the time grid that one makes of a period.

Seconds, minutes and hours step in absolute time. Days, weeks, months and years step in the zone's
calendar, so that a P1D value on the day the clocks change lasts 23 or 25 hours.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from flows.document.moments import to_ns

_NS = 1_000_000_000
_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,4})D)?"
    r"(?:T(?=.)(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?",
    re.ASCII,
)
_LONGEST_DAY = 25 * 3600
_LONGEST_MONTH = 31 * 24 * 3600 + 3600
_MARKET_TIME = "Europe/Brussels"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The length of one value: either absolute `seconds`, or calendar `days` or `months`."""

    text: str
    seconds: int
    days: int
    months: int


@lru_cache(maxsize=256)
def parse_resolution(text: str) -> Resolution:
    """Return the resolution that an ISO 8601 duration names, PT4S to P1Y and beyond.

    `text` of the result is the platform's own spelling: PT1H comes back as PT60M.

    Raises:
        ValueError: no duration, zero, or a mix of clock and calendar units.

    """
    found = _DURATION.fullmatch(text)
    if found is not None:
        years, months, weeks, days, hours, minutes, seconds = (int(g or 0) for g in found.groups())
        clock = hours * 3600 + minutes * 60 + seconds
        parts = (clock, weeks * 7 + days, years * 12 + months)
        if sum(part > 0 for part in parts) == 1:
            return Resolution("PT60M" if clock == 3600 else text, *parts)  # noqa: PLR2004 - one hour
    raise ValueError(f"is no resolution: {text!r}")


@dataclass(frozen=True, slots=True)
class Grid:
    """The places of a period: value number i (from 0) lasts from edge i to edge i + 1."""

    start: int
    end: int
    count: int
    step: int
    edges: npt.NDArray[np.int64] | None

    def at(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the edges with these numbers, in nanoseconds since 1970."""
        if self.edges is not None:
            return self.edges[numbers]
        return np.minimum(self.start + numbers * self.step, self.end)


def fewest_values(start: datetime, end: datetime, resolution: Resolution) -> int:
    """Return how many values the period has at least, without counting them one by one."""
    longest = (
        resolution.seconds + resolution.days * _LONGEST_DAY + resolution.months * _LONGEST_MONTH
    )
    return int((end - start).total_seconds()) // longest


@lru_cache(maxsize=64)
def grid(
    start: datetime, end: datetime, resolution: Resolution, tz: str, *, may_cut: bool = False
) -> Grid:
    """Return the grid of the period from `start` to `end` (UTC) for a zone that lives by `tz`.

    A calendar step that the end of the period cuts short ends with the period; a clock step does
    so where it `may_cut` it, as the end of an outage may.

    Raises:
        ValueError: the end cuts a clock step in two.

    """
    first, last = to_ns(start), to_ns(end)
    if resolution.seconds:
        step = resolution.seconds * _NS
        count, rest = divmod(last - first, step)
        if rest and not may_cut:
            raise ValueError(f"is no whole number of {resolution.text}")
        return Grid(first, last, count + bool(rest), step, None)
    edges = _calendar_edges(start, end, resolution, _calendar(start, end, tz))
    return Grid(first, last, len(edges) - 1, 0, np.array(edges, dtype=np.int64))


def _calendar(start: datetime, end: datetime, tz: str) -> ZoneInfo:
    """Return the clock whose days the period is made of.

    The platform cuts the days of some zones (Portugal, Ireland, Türkiye) at midnight in Brussels.
    """
    for name in (tz, _MARKET_TIME):
        clock = ZoneInfo(name)
        if all(_is_midnight(moment.astimezone(clock)) for moment in (start, end)):
            return clock
    return ZoneInfo(tz)


def _is_midnight(moment: datetime) -> bool:
    return moment.hour == moment.minute == moment.second == moment.microsecond == 0


def _calendar_edges(
    start: datetime, end: datetime, resolution: Resolution, clock: ZoneInfo
) -> list[int]:
    """Return the edges from `start` to `end`; the first and the last are exactly these."""
    wall = start.astimezone(clock).replace(tzinfo=None)
    edges = [to_ns(start)]
    last = to_ns(end)
    while edges[-1] < last:
        number = len(edges)
        if resolution.days:
            local = wall + timedelta(days=resolution.days * number)
        else:
            local = _add_months(wall, resolution.months * number)
        edges.append(to_ns(local.replace(tzinfo=clock).astimezone(UTC)))
    edges[-1] = last
    return edges


def _add_months(wall: datetime, months: int) -> datetime:
    years, month = divmod(wall.month - 1 + months, 12)
    year = wall.year + years
    day = min(wall.day, monthrange(year, month + 1)[1])
    return wall.replace(year=year, month=month + 1, day=day)

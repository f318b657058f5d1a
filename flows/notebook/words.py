"""Numbers, times and codes in the words of readers: signs and narrow spaces, never a false zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import pandas as pd

from flows.document import PROCESS_TYPES, PRODUCTION_TYPES

if TYPE_CHECKING:
    from flows.document import MarketDocument
    from flows.notebook.reading import Span

MISSING: Final = "n/a"
_KILO, _HUNDRED = 1000, 100


def number(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Return `value` for readers: `41 200.5`, `−3.2`, `n/a` where it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace(",", "\u202f").replace("-", "\u2212")


def compact(value: float) -> str:
    """Return `value` with at most two decimal places and no zero at its end: `3.25`, `4`."""
    return number(value, 2).rstrip("0").rstrip(".")


def power(megawatts: float) -> str:
    """Return a power for a sentence: `31.2 GW`, `412 MW`."""
    if abs(megawatts) >= _KILO:
        return f"{number(megawatts / _KILO)} GW"
    return f"{number(megawatts, 0)} MW"


def energy(gigawatt_hours: float) -> str:
    """Return an energy for a sentence: `412 GWh`, `31.2 GWh`, `415 MWh`."""
    if abs(gigawatt_hours) >= _HUNDRED:
        return f"{number(gigawatt_hours, 0)} GWh"
    if abs(gigawatt_hours) >= 1:
        return f"{number(gigawatt_hours)} GWh"
    return f"{number(gigawatt_hours * _KILO, 0)} MWh"


def hours(length: float) -> str:
    """Return a length of time for a sentence: `1 hour`, `3.25 hours`."""
    text = compact(length)
    return f"{text} hour" if text == "1" else f"{text} hours"


def production_type(code: str) -> str:
    """Return the name of a production type: `Solar` for `B16`; the code itself if unknown."""
    return PRODUCTION_TYPES.get(code, code)


def process(document: MarketDocument) -> str:
    """Return the stage that a document belongs to: `Day-ahead` for process type A01."""
    code = document.process_type or ""
    return PROCESS_TYPES.get(code, code)


def issued(document: MarketDocument) -> str:
    """Return when a document was made, in zone time: `Tue 16 Jun 18:00`."""
    created = pd.Timestamp(document.created).tz_convert(document.zone.tz)
    return f"{day(created)} {created:%H:%M}"


def day(time: pd.Timestamp) -> str:
    """Return the date of a zone-local moment: `Wed 17 Jun`."""
    return f"{time:%a} {time.day} {time:%b}"


def period(within: pd.Series | pd.DataFrame) -> str:
    """Return the days that a grid covers: `Wed 17 Jun 2026`, `Mon 15 Jan – Sun 21 Jan 2024`."""
    first, last = within.index[0], within.index[-1]
    if first.date() == last.date():
        return f"{day(first)} {first.year}"
    return f"{day(first)} – {day(last)} {last.year}"


def at(time: pd.Timestamp, within: pd.Series | pd.DataFrame) -> str:
    """Return one moment: `13:15`, with the day where `within` has more than one.

    In the hour that comes twice in autumn, the zone's abbreviation tells which: `02:15 CEST`.
    """
    one_day = within.index[0].date() == within.index[-1].date()
    label = f"{time:%H:%M}" if one_day else f"{day(time)} {time:%H:%M}"
    return f"{label} {time.tzname()}" if _comes_twice(time) else label


def when(span: Span, within: pd.Series | pd.DataFrame) -> str:
    """Return a stretch of time: `18:30–22:30`, `20:00–24:00`, `Tue 22 Oct 01:00–05:00`."""
    end = at(span.end, within)
    if span.start.date() == span.end.date():
        end = end.removeprefix(f"{day(span.end)} ")
    elif span.end == span.end.normalize() == span.start.normalize() + pd.DateOffset(days=1):
        end = "24:00"
    return f"{at(span.start, within)}–{end}"


def clock(times: pd.DatetimeIndex) -> list[str]:
    """Return the local clock labels of `times`; see `at`."""
    frame = times.to_frame()
    return [at(time, frame) for time in times]


def _comes_twice(time: pd.Timestamp) -> bool:
    naive = time.tz_localize(None)
    first, second = (naive.tz_localize(time.tz, ambiguous=summer) for summer in (True, False))
    return bool(first != second)

"""Codes and times in the words of readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from flows.document import PROCESS_TYPES, PRODUCTION_TYPES

if TYPE_CHECKING:
    from flows.document import MarketDocument
    from flows.notebook.reading import Span


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

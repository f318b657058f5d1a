"""Times for readers: in the zone's local time, with the abbreviation that tells summer's apart."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def stamp(moment: datetime, tz: str) -> str:
    """Return `moment` like `13 Jan 2025 18:02 CET`."""
    local = moment.astimezone(ZoneInfo(tz))
    return f"{_date(local)} {_clock(local)} {_abbreviation(local)}"


def stamp_utc(moment: datetime) -> str:
    """Return `moment` like `13 Jan 2025 17:02 UTC`."""
    return f"{_date(moment.astimezone(UTC))} {_clock(moment.astimezone(UTC))} UTC"


def period(start: datetime, end: datetime, tz: str) -> str:
    """Return a period for people: whole local days by their dates, anything else by the clock."""
    first, last = start.astimezone(ZoneInfo(tz)), end.astimezone(ZoneInfo(tz))
    if first.time() == last.time() == time(0):
        last_day = last - timedelta(days=1)
        if first.date() >= last_day.date():
            return f"{first:%A} {first.day} {first:%B} {first.year}"
        return f"{_weekday(first)} {_date(first)} – {_weekday(last_day)} {_date(last_day)}"
    if first.date() == last.date() and first.utcoffset() == last.utcoffset():
        clocks = f"{_clock(first)}–{_clock(last)}"
        return f"{_weekday(first)} {_date(first)}, {clocks} {_abbreviation(first)}"
    return f"{stamp(start, tz)} – {stamp(end, tz)}"


def _weekday(local: datetime) -> str:
    return f"{local:%a}"


def _date(local: datetime) -> str:
    return f"{local.day} {local:%b} {local.year}"


def _clock(local: datetime) -> str:
    return f"{local:%H:%M}"


def _abbreviation(local: datetime) -> str:
    name = local.tzname() or ""
    return f"UTC{name}" if name[:1] in {"+", "-"} else name

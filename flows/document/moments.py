"""Moments and intervals as the schemas write them; everything in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from flows.document.strict_xml import child, fault, local, text_of

if TYPE_CHECKING:
    from lxml import etree

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EDGES = 2
_FIRST_YEAR, _LAST_YEAR = 1990, 2199
_TIME = re.compile(
    r"(\d{4})-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime:
    """Return the moment that an xs:dateTime with a zone names.

    Raises:
        ValueError: no such form or moment, no zone, or a year outside 1990–2199.

    """
    found = _TIME.fullmatch(text)
    if found is None or not _FIRST_YEAR <= int(found[1]) <= _LAST_YEAR:
        raise ValueError(f"is no time from {_FIRST_YEAR} to {_LAST_YEAR} with a zone: {text!r}")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise ValueError(f"is no time: {text!r}") from error


def to_ns(moment: datetime) -> int:
    """Return nanoseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def read_time(element: etree._Element) -> datetime:
    """Return the moment that an element holds.

    Raises:
        DocumentError: it holds none.

    """
    try:
        return parse_time(text_of(element))
    except ValueError as error:
        raise fault(element, str(error)) from error


def read_interval(element: etree._Element) -> tuple[datetime, datetime]:
    """Return start and end of the time interval that a document or a period states.

    The schemas write `<timeInterval><start>` or `<timeInterval.start>`, in a document with the
    name of its period before that.

    Raises:
        DocumentError: one is missing, is no time, or the end is not after the start.

    """
    found: dict[str, etree._Element] = {}
    for item in element:
        name = local(item)
        if name.endswith("timeInterval"):
            found = {"start": child(item, "start"), "end": child(item, "end")}
        elif name.endswith(("timeInterval.start", "timeInterval.end")):
            found[name.rpartition(".")[2]] = item
        if len(found) == _EDGES:
            break
    for edge in ("start", "end"):
        if edge not in found:
            raise fault(element, f"has no time interval with <{edge}>")
    start, end = read_time(found["start"]), read_time(found["end"])
    if end <= start:
        raise fault(found["end"], "is not after the start")
    return start, end

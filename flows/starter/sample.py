"""A synthetic document of a form: Wednesday 17 June 2026 in Germany and Luxembourg."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.starter.forms import ZONE

if TYPE_CHECKING:
    from flows.starter.forms import Form

TEMPLATES: Final = Path(__file__).parent / "templates"

_TEMPLATE: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
).get_template("sample.xml")

# From midnight to midnight in Berlin: the day, and the week and the year that it is in.
_PERIODS: Final = {
    "PT60M": ("2026-06-16T22:00Z", "2026-06-17T22:00Z"),
    "PT1M": ("2026-06-16T22:00Z", "2026-06-17T22:00Z"),
    "P7D": ("2026-06-14T22:00Z", "2026-06-21T22:00Z"),
    "P1Y": ("2025-12-31T23:00Z", "2026-12-31T23:00Z"),
}
_CREATED: Final = "2026-06-16T16:00:00Z"
_HOURS: Final = 24
_NOON: Final = 13
# An outage: all is off, and half is back at noon; positions count minutes.
_OUTAGE: Final = ((1, "0"), (_NOON * 60 + 1, "750"))


def write(form: Form, document_type: str, process_type: str) -> str:
    """Return a document of `form` as XML text, the same for the same arguments.

    Args:
        form: What it looks like.
        document_type: Its type.
        process_type: Its stage; empty for none.
    """
    start, end = _PERIODS[form.resolution]
    name = f"{document_type} {process_type} synthetic"
    return _TEMPLATE.render(
        form=form,
        document_type=document_type,
        process_type=process_type,
        mrid=hashlib.sha256(name.encode()).hexdigest()[:32],
        created=_CREATED,
        start=start,
        end=end,
        zone=ZONE,
        points=[_points(form, number) for number in range(max(1, len(form.psr_types)))],
    )


def _points(form: Form, number: int) -> tuple[tuple[int, str], ...]:
    """Return the values of a series by position: high at noon, and lower from series to series."""
    if form.resolution == "PT1M":
        return _OUTAGE
    count = _HOURS if form.resolution == "PT60M" else 1
    level = (100 if "Price" in form.value or "price" in form.value else 9000) / (number + 1)
    hours = [hour if count > 1 else _NOON for hour in range(count)]
    return tuple(
        (place, f"{level * (1 + 0.4 * math.cos(math.tau * (hour - _NOON) / _HOURS)):.1f}")
        for place, hour in enumerate(hours, start=1)
    )

"""What an Unavailability_MarketDocument says beside its capacities: which unit, why, until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flows.document.decimals import is_decimal
from flows.document.fields import ANY
from flows.document.moments import parse_time
from flows.document.strict_xml import fault, local
from flows.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flows.document.document_header import DocumentHeader
    from flows.document.fields import Fields
    from flows.document.series_header import SeriesHeader

Status = Literal["active", "cancelled", "withdrawn"]

_STATUS: dict[str | None, Status] = {"A09": "cancelled", "A13": "withdrawn"}
_PLANNED = "A53"
_LONGEST_NAME = 200
_LONGEST_REASON = 2000

_PRODUCTION = "production_RegisteredResource"
_UNIT = f"{_PRODUCTION}.pSRType.powerSystemResources"
_ASSET = "Asset_RegisteredResource"
_NAMES = (f"{_UNIT}.name", f"{_PRODUCTION}.name", f"{_ASSET}/name")
_EICS = (f"{_UNIT}.mRID", f"{_PRODUCTION}.mRID", f"{_ASSET}/mRID")
_LOCATIONS = (f"{_PRODUCTION}.location.name", f"{_ASSET}/location.name")


@dataclass(frozen=True, slots=True)
class Outage:
    """One unavailability (Regulation (EU) 543/2013, articles 7, 10 and 15). Times in UTC."""

    mrid: str
    status: Status
    revision: int
    unit_name: str
    unit_eic: str
    location: str
    psr_type: str | None
    nominal_mw: float | None
    planned: bool
    reason_codes: tuple[str, ...]
    reason_text: str
    start: datetime
    end: datetime


def read_outage(header: SeriesHeader, document: DocumentHeader) -> Outage:
    """Return what a TimeSeries of an outage document and the document around it say.

    Raises:
        DocumentError: a start, an end or a nominal power that is none.

    """
    fields = header.fields
    codes, texts = (
        [*document.fields.every(path), *fields.every(path)]
        for path in ("Reason/code", "Reason/text")
    )
    return Outage(
        mrid=document.mrid,
        status=_STATUS.get(document.status, "active"),
        revision=document.revision,
        unit_name=_line(fields, _NAMES),
        unit_eic=_line(fields, _EICS),
        location=_line(fields, _LOCATIONS),
        psr_type=header.psr_type,
        nominal_mw=_nominal_mw(fields),
        planned=header.business_type == _PLANNED,
        reason_codes=tuple(one_line(code) for code in codes),
        reason_text=one_line(" ".join(texts), _LONGEST_REASON),
        start=_moment(fields, "start") or document.period[0],
        end=_moment(fields, "end") or document.period[1],
    )


def _line(fields: Fields, paths: Iterable[str]) -> str:
    """Return the texts at the first of `paths` that has any (a line may have several assets)."""
    found = next((texts for path in paths if (texts := fields.every(path))), [])
    return one_line(", ".join(found), _LONGEST_NAME)


def _moment(fields: Fields, edge: str) -> datetime | None:
    date, time = (
        fields.get(f"{edge}_DateAndOrTime.{part}", pattern=ANY) for part in ("date", "time")
    )
    if not date or not time:
        return None
    try:
        return parse_time(f"{date}T{time}")
    except ValueError as error:
        raise fault(fields.element, f"has a {edge}_DateAndOrTime that {error}") from error


def _nominal_mw(fields: Fields) -> float | None:
    """Return the nominal power, where it is given in MW."""
    for item in fields.element:
        if local(item).endswith("nominalP") and item.get("unit", "MAW") == "MAW":
            text = (item.text or "").strip()
            if not is_decimal(text):
                raise fault(item, f"is no decimal number: {text!r}")
            return float(text)
    return None

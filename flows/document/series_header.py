"""What a TimeSeries says about all of its values: zone, types, units, identity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.document.codes import FLOW_DIRECTIONS
from flows.document.curve import VARIABLE_BLOCKS
from flows.document.fields import EIC, MRID, Fields
from flows.document.strict_xml import fault
from flows.document.zones import is_known

if TYPE_CHECKING:
    from flows.document.document_header import DocumentHeader

PERIODS = frozenset({"Period", "Available_Period", "WindPowerFeedin_Period"})
"""What a TimeSeries calls its periods: values, available capacity, feed-in of an offshore grid."""

_SEQUENCE = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_UNITS = {"MAW": "MW", "MWH": "MWh", "KWT": "kW", "KWH": "kWh", "GWH": "GWh", "MAR": "Mvar"}
_UNITS |= {"P1": "%", "C62": "1"}
_CURVE_TYPES = ("A01", "A02", VARIABLE_BLOCKS)
_SEQUENCE_PATH = "classificationSequence_AttributeInstanceComponent.position"
_NO_IDENTITY = ("mRID", "version", "curveType", "Reason/code", "Reason/text", _SEQUENCE_PATH)
_PRICES = "A44"
_SINGLE_COUPLING = "1"
_NET_POSITION = "B09"

_BORDERS = (
    ("inBiddingZone_Domain.mRID", "outBiddingZone_Domain.mRID"),
    ("in_Domain.mRID", "out_Domain.mRID"),
    ("acquiring_Domain.mRID", "connecting_Domain.mRID"),
)
_AREAS = ("biddingZone_Domain.mRID", "area_Domain.mRID", "controlArea_Domain.mRID", "domain.mRID")
_RESOURCES = (
    "MktPSRType/PowerSystemResources/mRID",
    "production_RegisteredResource.pSRType.powerSystemResources.mRID",
    "registeredResource.mRID",
    "production_RegisteredResource.mRID",
    "Asset_RegisteredResource/mRID",
)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesHeader:
    """What a TimeSeries says about all of its values.

    `direction` and `sequence` are as in `MarketDocument.frame`. `identity` is all that it says
    but its number and its reasons: series with the same identity are one series, given twice.
    """

    fields: Fields
    zone: str
    counter_zone: str | None
    direction: str | None
    business_type: str
    psr_type: str | None
    sequence: int | None
    agreement_type: str | None
    currency: str | None
    quantity_unit: str | None
    price_unit: str | None
    resource: str | None
    variable: bool
    identity: tuple[tuple[str, str], ...]


def read_series_header(fields: Fields, document: DocumentHeader) -> SeriesHeader:
    """Return what a TimeSeries says about all of its values.

    Args:
        fields: those of the TimeSeries outside its periods.
        document: some families name the area there. Prices (A44) without an auction sequence are
            sequence 1, the single day-ahead coupling, as before the platform had sequences.

    Raises:
        DocumentError: no zone or business type, a malformed code, an unknown curve type.

    """
    business_type = fields.need("businessType")
    curve_type = fields.get("curveType") or "A01"
    if curve_type not in _CURVE_TYPES:
        raise fault(fields.element, f"has a curve type that is not read here: {curve_type}")
    zone, counter_zone, direction = _domains(fields, document.fields, business_type)
    flow = fields.get("flowDirection.direction")
    sequence = fields.get(_SEQUENCE_PATH, pattern=_SEQUENCE)
    if sequence is None and document.document_type == _PRICES:
        sequence = _SINGLE_COUPLING
    psr_type = fields.ending("psrtype")
    currency = fields.get("currency_Unit.name")
    price_unit = _unit(fields, "price")
    return SeriesHeader(
        fields=fields,
        zone=zone,
        counter_zone=counter_zone,
        direction=FLOW_DIRECTIONS.get(flow, flow) if flow else direction,
        business_type=business_type,
        psr_type=fields.get(psr_type) if psr_type else None,
        sequence=int(sequence) if sequence else None,
        agreement_type=fields.get("contract_MarketAgreement.type", "type_MarketAgreement.type"),
        currency=currency,
        quantity_unit=_unit(fields, "quantity"),
        price_unit=f"{currency}/{price_unit}" if currency and price_unit else currency,
        resource=fields.get(*_RESOURCES, pattern=MRID),
        variable=curve_type == VARIABLE_BLOCKS,
        identity=(
            ("sequence", sequence or ""),
            *(pair for pair in fields.pairs if pair[0] not in _NO_IDENTITY),
        ),
    )


def _unit(fields: Fields, of: str) -> str | None:
    """Return the unit of "quantity" or "price": MW for MAW; others as they stand."""
    code = fields.get(f"{of}_Measure_Unit.name", f"{of}_Measurement_Unit.name")
    return _UNITS.get(code, code) if code else None


def _domains(
    fields: Fields, document: Fields, business_type: str
) -> tuple[str, str | None, str | None]:
    """Return (zone, counter zone, direction) of a TimeSeries.

    Generation and load name one zone: what goes into it (generation) or out of it (load, a
    storage's consumption). A border is that of the zone that the energy flows into. A net
    position is that of the zone, into it or out of it, against a whole region.
    """
    for inward, outward in _BORDERS:
        into, out_of = (fields.get(path, pattern=EIC) for path in (inward, outward))
        if into and out_of:
            if into == out_of:
                return into, None, None
            if business_type == _NET_POSITION:
                return (out_of, None, "out") if _is_region(into) else (into, None, "in")
            return into, out_of, "in"
        if into:
            return into, None, "in"
        if out_of:
            return out_of, None, "out"
    area = fields.get(*_AREAS, pattern=EIC) or document.get(*_AREAS, pattern=EIC)
    if area is None:
        raise fault(fields.element, "names no bidding zone or area")
    return area, None, None


def _is_region(eic: str) -> bool:
    return "REGION" in eic or not is_known(eic)

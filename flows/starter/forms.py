"""What documents of each type look like: enough to write one, and to begin a notebook about it.

Types are those of the Transparency Platform that hold values over time, in the form in which it
publishes them (IEC 62325-451, Regulation (EU) 543/2013 and, for balancing, 2017/2195).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Pairs = tuple[tuple[str, str], ...]

ZONE: Final = "10Y1001A1001A82H"  # DE_LU
NEIGHBOUR: Final = "10YFR-RTE------C"

_MW: Final = (("quantity_Measure_Unit.name", "MAW"), ("curveType", "A03"))
_MWH: Final = (("quantity_Measure_Unit.name", "MWH"), ("curveType", "A03"))
_EUR: Final = (
    ("currency_Unit.name", "EUR"),
    ("price_Measure_Unit.name", "MWH"),
    ("curveType", "A03"),
)
_ALL: Final = "document.frame"
_WIND_AND_SUN: Final = ("B16", "B18", "B19")


@dataclass(frozen=True)
class Form:
    """A kind of document.

    Attributes:
        template: Which notebook reads it.
        root: Its root element.
        schema: What its namespace ends with.
        interval: The element of its period.
        process_type: At which stage it is published; empty where it has none.
        series: What each of its TimeSeries says, as (element, text), before its periods.
        psr_types: The production types of its series; none for one series without.
        resource: What a series says of its unit or asset, as (element, text); or nothing.
        area: Whether the document names its zone, in place of its series.
        period: What a TimeSeries calls its period.
        value: The element of a value.
        category: Of an imbalance price.
        resolution: Of its values.
        rows: Which rows of the frame the notebook begins with, as Python.
    """

    template: Literal["by_type", "series", "outages"]
    root: str
    schema: str
    interval: str
    process_type: str
    series: Pairs
    psr_types: tuple[str, ...] = ()
    resource: Pairs = ()
    area: bool = False
    period: str = "Period"
    value: str = "quantity"
    category: str = ""
    resolution: Literal["PT60M", "P7D", "P1Y", "PT1M"] = "PT60M"
    rows: str = _ALL


def _generation_load(process_type: str, business_type: str, side: str = "in") -> Form:
    return Form(
        "series",
        "GL_MarketDocument",
        "451-6:generationloaddocument:3:0",
        "time_Period.timeInterval",
        process_type,
        (("businessType", business_type), (f"{side}BiddingZone_Domain.mRID", ZONE), *_MW),
    )


def _by_type(form: Form, *psr_types: str) -> Form:
    return replace(form, template="by_type", psr_types=psr_types)


def _border(business_type: str) -> Form:
    return Form(
        "series",
        "Publication_MarketDocument",
        "451-3:publicationdocument:7:3",
        "period.timeInterval",
        "",
        (
            ("businessType", business_type),
            ("in_Domain.mRID", ZONE),
            ("out_Domain.mRID", NEIGHBOUR),
            *_MW,
        ),
    )


def _balancing(process_type: str, business_type: str, of: Pairs, *, both_ways: bool) -> Form:
    direction = (("flowDirection.direction", "A01"),) if both_ways else ()
    return Form(
        "series",
        "Balancing_MarketDocument",
        "451-6:balancingdocument:4:4",
        "period.timeInterval",
        process_type,
        (("businessType", business_type), *direction, *of),
        area=True,
        rows='document.frame[document.frame["direction"] == "up"]' if both_ways else _ALL,
    )


_UNIT: Final = "production_RegisteredResource"
_OUTAGE: Final = Form(
    "outages",
    "Unavailability_MarketDocument",
    "451-6:outagedocument:3:0",
    "unavailability_Time_Period.timeInterval",
    "A26",
    (
        ("businessType", "A53"),
        ("biddingZone_Domain.mRID", ZONE),
        ("start_DateAndOrTime.date", "2026-06-16"),
        ("start_DateAndOrTime.time", "22:00:00Z"),
        ("end_DateAndOrTime.date", "2026-06-17"),
        ("end_DateAndOrTime.time", "22:00:00Z"),
        *_MW,
    ),
    period="Available_Period",
    resolution="PT1M",
)
_PLANT: Final = replace(
    _OUTAGE,
    series=(
        *_OUTAGE.series,
        (f"{_UNIT}.mRID", "11WMUSTERWERK00X"),
        (f"{_UNIT}.name", "MUSTERWERK"),
        (f"{_UNIT}.pSRType.psrType", "B04"),
        (f"{_UNIT}.pSRType.powerSystemResources.mRID", "11WMUSTERWERK01V"),
        (f"{_UNIT}.pSRType.powerSystemResources.name", "MUSTERWERK 1"),
        (f"{_UNIT}.pSRType.powerSystemResources.nominalP", "1500"),
    ),
)
_PRICES: Final = replace(
    _border("A62"),
    series=(
        ("auction.type", "A01"),
        ("businessType", "A62"),
        ("in_Domain.mRID", ZONE),
        ("out_Domain.mRID", ZONE),
        ("contract_MarketAgreement.type", "A01"),
        *_EUR[:2],
        ("classificationSequence_AttributeInstanceComponent.position", "1"),
        *_EUR[2:],
    ),
    value="price.amount",
    # The single day-ahead coupling; a zone may have further auctions.
    rows='document.frame[document.frame["sequence"] == 1]',
)

FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "A09": _border("A06"),
        "A11": _border("A66"),
        "A25": _border("B08"),
        "A26": _border("A29"),
        "A31": _border("A31"),
        "A44": _PRICES,
        "A61": _border("A27"),
        "A65": _generation_load("A01", "A04", "out"),
        "A68": replace(
            _by_type(_generation_load("A33", "A37"), "B04", "B16", "B19"), resolution="P1Y"
        ),
        "A69": _by_type(_generation_load("A01", "A94"), *_WIND_AND_SUN),
        "A70": replace(_generation_load("A33", "A91"), resolution="P1Y"),
        "A71": _generation_load("A01", "A01"),
        "A72": replace(
            _generation_load("A16", "A01"),
            series=(("businessType", "A01"), ("inBiddingZone_Domain.mRID", ZONE), *_MWH),
            resolution="P7D",
        ),
        "A73": replace(
            _generation_load("A16", "A01"),
            psr_types=("B04",),
            resource=(("mRID", "11WMUSTERWERK01V"), ("name", "MUSTERWERK 1")),
            rows='document.frame[document.frame["resource"] == document.frame["resource"].iloc[0]]',
        ),
        "A74": _by_type(_generation_load("A16", "A93"), *_WIND_AND_SUN),
        "A75": replace(
            _by_type(_generation_load("A16", "A01"), "B04", *_WIND_AND_SUN),
            # What feeds the zone; storage also draws from it.
            rows='document.frame[document.frame["direction"] == "in"]',
        ),
        "A76": _OUTAGE,
        "A77": _PLANT,
        "A78": replace(
            _OUTAGE,
            series=(
                ("businessType", "A53"),
                ("in_Domain.mRID", ZONE),
                ("out_Domain.mRID", NEIGHBOUR),
                *_OUTAGE.series[2:],
            ),
        ),
        "A79": replace(_OUTAGE, period="WindPowerFeedin_Period"),
        "A80": _PLANT,
        "A81": _balancing("A51", "B95", _MW, both_ways=True),
        "A83": _balancing("A16", "A96", _MWH, both_ways=True),
        "A84": replace(
            _balancing("A16", "A96", _EUR, both_ways=True), value="activation_Price.amount"
        ),
        "A85": replace(
            _balancing("A16", "A19", _EUR, both_ways=False),
            value="imbalance_Price.amount",
            category="A04",
            # The price of a long position; one of a short position (A05) may differ.
            rows='document.frame[document.frame["category"] == "A04"]',
        ),
        "A86": _balancing("A16", "A19", _MWH, both_ways=False),
        "A89": replace(
            _balancing("A51", "B95", _EUR, both_ways=True), value="procurement_Price.amount"
        ),
    }
)
"""The form of each document type that a newsletter can begin with."""

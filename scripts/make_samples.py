"""Write the synthetic sample documents under notebooks/samples, the same bytes each time.

    python scripts/make_samples.py

Every document says in a comment that it is synthetic; the day that they show is in sample_day.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from market_xml import Document, Period, Series, write
from sample_day import (
    DAY,
    FIRST_AUCTION,
    FORECAST,
    GENERATION,
    INTRADAY,
    LOAD_ACTUAL,
    LOAD_FORECAST,
    PUMPED,
    SECOND_AUCTION,
    cents,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLES = Path(__file__).resolve().parent.parent / "notebooks" / "samples"
LABEL = "Synthetic sample written by the Gridletter project; not ENTSO-E data"
DE_LU = "10Y1001A1001A82H"
BE = "10YBE----------2"
MEGAWATTS = [("quantity_Measure_Unit.name", "MAW"), ("curveType", "A03")]


def main() -> None:
    """Write every sample."""
    SAMPLES.mkdir(parents=True, exist_ok=True)
    for name, document in samples().items():
        (SAMPLES / name).write_bytes(write(document, LABEL))


def samples() -> dict[str, Document]:
    """Return every sample document by file name."""
    return {
        "wind_solar_DE_LU.xml": wind_solar("A01", DAY - timedelta(hours=6), FORECAST),
        "wind_solar_DE_LU_intraday.xml": wind_solar("A40", DAY + timedelta(hours=9), INTRADAY),
        "day_ahead_prices_DE_LU.xml": prices(),
        "load_DE_LU_forecast.xml": load("A01", DAY - timedelta(hours=14), LOAD_FORECAST),
        "load_DE_LU_actual.xml": load("A16", DAY + timedelta(hours=25), LOAD_ACTUAL),
        "generation_mix_DE_LU.xml": generation_mix(),
        "outage_alert_BE.xml": outage(1, datetime(2026, 6, 10, 8, 12, 40, tzinfo=UTC), OUTAGE),
        "outage_alert_BE_update.xml": outage(
            2, datetime(2026, 6, 17, 13, 47, 5, tzinfo=UTC), OUTAGE_UPDATE
        ),
        "outage_alert_BE_cancelled.xml": outage(
            3, datetime(2026, 6, 18, 6, 30, 22, tzinfo=UTC), OUTAGE_UPDATE, status="A09"
        ),
    }


# Available MW: a gas-fired unit comes down for an overhaul and returns at half its power first.
OUTAGE = [Period(datetime(2026, 6, 15, 4, tzinfo=UTC), "PT1M", [0] * 8_640 + [230] * 4_320)]
OUTAGE_UPDATE = [
    Period(datetime(2026, 6, 15, 4, tzinfo=UTC), "PT1M", [0] * 11_520),
    Period(datetime(2026, 6, 23, 4, tzinfo=UTC), "PT1M", [230] * 4_320 + [310] * 1_440),
]


def generation_load(
    document_type: str, process_type: str, created: datetime, series: Sequence[Series]
) -> Document:
    """Return a generation and load document (IEC 62325-451-6)."""
    return Document(
        "GL_MarketDocument",
        "451-6:generationloaddocument:3:0",
        "time_Period.timeInterval",
        document_type,
        created,
        series,
        process_type,
    )


def generation(business_type: str, side: str, psr_type: str, periods: Sequence[Period]) -> Series:
    """Return one production type's series; `side` is `in` where it feeds the zone, else `out`."""
    head = [("businessType", business_type), ("objectAggregation", "A08")]
    return Series([*head, (f"{side}BiddingZone_Domain.mRID", DE_LU), *MEGAWATTS], periods, psr_type)


def wind_solar(process: str, created: datetime, values: Mapping[str, list[float]]) -> Document:
    """Return a forecast of wind and solar generation (A69, article 14.1.D)."""
    series = [
        generation("A94", "in", psr_type, [Period(DAY, "PT15M", megawatts)])
        for psr_type, megawatts in values.items()
    ]
    return generation_load("A69", process, created, series)


def load(process: str, created: datetime, megawatts: Sequence[float]) -> Document:
    """Return total load, forecast or actual (A65, articles 6.1.B and 6.1.A)."""
    head = [("businessType", "A04"), ("objectAggregation", "A01")]
    domain = ("outBiddingZone_Domain.mRID", DE_LU)
    series = Series([*head, domain, *MEGAWATTS], [Period(DAY, "PT15M", megawatts)])
    return generation_load("A65", process, created, [series])


def generation_mix(missing: slice = slice(36, 40)) -> Document:
    """Return actual generation per type (A75, article 16.1.B&C); wind offshore lacks an hour."""
    turbines = [Period(DAY, "PT15M", cents([max(0.0, megawatts) for megawatts in PUMPED]))]
    pumps = [Period(DAY, "PT15M", cents([max(0.0, -megawatts) for megawatts in PUMPED]))]
    series = [generation("A01", "out", "B10", pumps), generation("A01", "in", "B10", turbines)]
    for psr_type, values in GENERATION.items():
        megawatts = cents(values)
        periods = [Period(DAY, "PT15M", megawatts)]
        if psr_type == "B18":
            after = DAY + missing.stop * timedelta(minutes=15)
            periods = [
                Period(DAY, "PT15M", megawatts[: missing.start]),
                Period(after, "PT15M", megawatts[missing.stop :]),
            ]
        series.append(generation("A01", "in", psr_type, periods))
    return generation_load("A75", "A16", DAY + timedelta(hours=26), series)


def prices() -> Document:
    """Return day-ahead prices (A44, article 12.1.D) of two auctions, which are never merged."""
    series = [price_series("1", FIRST_AUCTION), price_series("2", SECOND_AUCTION)]
    return Document(
        "Publication_MarketDocument",
        "451-3:publicationdocument:7:3",
        "period.timeInterval",
        "A44",
        DAY - timedelta(hours=11, minutes=3),
        series,
    )


def price_series(sequence: str, euros_per_mwh: Sequence[float]) -> Series:
    """Return the prices of one auction of the day; the coupled one (SDAC) has sequence 1."""
    head = [
        ("auction.type", "A01"),
        ("businessType", "A62"),
        ("in_Domain.mRID", DE_LU),
        ("out_Domain.mRID", DE_LU),
        ("contract_MarketAgreement.type", "A01"),
        ("currency_Unit.name", "EUR"),
        ("price_Measure_Unit.name", "MWH"),
        ("classificationSequence_AttributeInstanceComponent.position", sequence),
        ("curveType", "A03"),
    ]
    return Series(head, [Period(DAY, "PT15M", euros_per_mwh)], value_name="price.amount")


def outage(
    revision: int, created: datetime, available: Sequence[Period], status: str = ""
) -> Document:
    """Return a planned unavailability of a generation unit (A80, article 15.1.A)."""
    start, end = available[0].start, available[-1].end
    unit = "production_RegisteredResource.pSRType.powerSystemResources"
    head = [
        ("businessType", "A53"),
        ("biddingZone_Domain.mRID", BE),
        ("start_DateAndOrTime.date", f"{start:%Y-%m-%d}"),
        ("start_DateAndOrTime.time", f"{start:%H:%M:%SZ}"),
        ("end_DateAndOrTime.date", f"{end:%Y-%m-%d}"),
        ("end_DateAndOrTime.time", f"{end:%H:%M:%SZ}"),
        *MEGAWATTS,
        ("production_RegisteredResource.mRID", "22WSCHELDEM0001H"),
        ("production_RegisteredResource.name", "SCHELDEMOND"),
        ("production_RegisteredResource.location.name", "Belgium"),
        ("production_RegisteredResource.pSRType.psrType", "B04"),
        (f"{unit}.mRID", "22WSCHELDEM0002F"),
        (f"{unit}.name", "SCHELDEMOND 2"),
        (f"{unit}.nominalP", "465.0"),
    ]
    return Document(
        "Unavailability_MarketDocument",
        "451-6:outagedocument:3:0",
        "unavailability_Time_Period.timeInterval",
        "A80",
        created,
        [Series(head, available, period_name="Available_Period")],
        "A26",
        revision,
        "GridletterSampleOutage",
        status,
        ("A95", "Overhaul of the gas turbine"),
    )


if __name__ == "__main__":
    main()

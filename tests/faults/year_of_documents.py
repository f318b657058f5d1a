"""A year of day-ahead wind and solar forecasts for three zones, synthetic, a file each."""

from __future__ import annotations

import math
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from market_xml import Document, Period, Series, write
from sample_day import offshore, onshore, solar

ZONES = {
    "DE_LU": ("10Y1001A1001A82H", "Europe/Berlin", 1.0),
    "BE": ("10YBE----------2", "Europe/Brussels", 0.2),
    "NL": ("10YNL----------L", "Europe/Amsterdam", 0.4),
}
FIRST_DAY = date(2025, 1, 1)
LABEL = "Synthetic test document written by the Gridletter project; not ENTSO-E data"
_CURVES = {"B16": solar, "B18": offshore, "B19": onshore}


def write_year(folder: Path, days: int) -> int:
    """Write the documents of `days` days into a folder for each zone; return how many."""
    for code, (eic, zone, size) in ZONES.items():
        (folder / code).mkdir(parents=True)
        for number in range(days):
            day = FIRST_DAY + timedelta(days=number)
            document = _forecast(day, eic, ZoneInfo(zone), size)
            (folder / code / f"{day}.xml").write_bytes(write(document, LABEL))
    return days * len(ZONES)


def _forecast(day: date, eic: str, zone: ZoneInfo, size: float) -> Document:
    """Return the forecast for a local day, which is 23 or 25 hours long twice a year."""
    start, end = (
        datetime(each.year, each.month, each.day, tzinfo=zone).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    quarters = (end - start) // timedelta(minutes=15)
    chance = random.Random(f"{day} {eic}")  # noqa: S311 - weather, not secrets
    season = 0.6 - 0.4 * math.cos(2 * math.pi * day.timetuple().tm_yday / 365)
    series = []
    for psr_type, curve in _CURVES.items():
        level = size * chance.uniform(0.4, 1.2) * (season if psr_type == "B16" else 1)
        megawatts = [round(level * curve(quarter / 4 % 24)) for quarter in range(quarters)]
        head = [
            ("businessType", "A94"),
            ("objectAggregation", "A08"),
            ("inBiddingZone_Domain.mRID", eic),
            ("quantity_Measure_Unit.name", "MAW"),
            ("curveType", "A03"),
        ]
        series.append(Series(head, [Period(start, "PT15M", megawatts)], psr_type))
    return Document(
        "GL_MarketDocument",
        "451-6:generationloaddocument:3:0",
        "time_Period.timeInterval",
        "A69",
        start - timedelta(hours=6),
        series,
        "A01",
    )

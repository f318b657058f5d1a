"""The day in the samples: a sunny Wednesday in June in Germany and Luxembourg, by quarter hour.

Solar fills midday, prices dip under zero, the evening ramp is steep. Seeds are fixed: the same
values on every machine.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DAY = datetime(2026, 6, 16, 22, tzinfo=UTC)  # Wednesday 17 June, 00:00 in Berlin
HOURS = [(quarter + 0.5) / 4 for quarter in range(96)]  # each quarter's middle, local
SUNRISE, SOLAR_NOON, DAYLIGHT_HOURS = 5.1, 13.4, 16.6


def bell(hour: float, centre: float, width: float) -> float:
    """Return 1 at `centre`, falling to both sides over `width` hours."""
    return math.exp(-(((hour - centre) / width) ** 2) / 2)


def solar(hour: float) -> float:
    """Return solar output in MW."""
    elevation = math.sin(math.pi * (hour - SUNRISE) / DAYLIGHT_HOURS)
    return 43_800 * max(0.0, elevation) ** 1.9 if hour > SUNRISE else 0.0


def onshore(hour: float) -> float:
    """Return wind onshore in MW: calm at noon, fresh late."""
    return 8_900 - 3_900 * bell(hour, 12, 3.6) + 5_200 * bell(hour, 22.5, 3)


def offshore(hour: float) -> float:
    """Return wind offshore in MW."""
    return 2_150 + 900 * math.sin((hour - 9) / 12 * math.pi) + 1_300 * bell(hour, 23, 4)


def demand(hour: float) -> float:
    """Return total load in MW."""
    day = 14_500 * bell(hour, 10.5, 3.4) + 9_800 * bell(hour, 18.6, 2.8)
    return 42_300 + day - 1_500 * bell(hour, 3.5, 2)


def price(hour: float) -> float:
    """Return the day-ahead price in EUR/MWh: two peaks and a valley under zero."""
    peaks = 46 * bell(hour, 7.3, 1.2) + 88 * bell(hour, 20.4, 1.5)
    return 74 + peaks - 103 * bell(hour, 13.6, 2.5) - 8 * bell(hour, 3.5, 2)


def thermal(base: float, valley: float, evening: float) -> Callable[[float], float]:
    """Return a plant fleet's MW: `base`, less `valley` at midday, plus `evening` at sunset."""
    return lambda hour: base - valley * bell(hour, 13.5, 3.4) + evening * bell(hour, 20.5, 2.2)


def pumping(hour: float) -> float:
    """Return pumped storage in MW: above zero it generates, under zero it pumps."""
    return (
        3_700 * bell(hour, 20.8, 1.5)
        + 1_500 * bell(hour, 7.2, 1.1)
        - 4_900 * bell(hour, 13.4, 2.3)
        - 700 * bell(hour, 3.2, 1.5)
    )


def quarters(profile: Callable[[float], float], noise: float, seed: str) -> list[float]:
    """Return `profile` for each quarter of the day with a wandering relative error."""
    dice, drift, values = random.Random(seed), 0.0, []  # noqa: S311 - repeatable, no secret
    for hour in HOURS:
        drift = 0.88 * drift + dice.gauss(0, noise)
        values.append(profile(hour) * (1 + drift))
    return values


def whole(values: Sequence[float]) -> list[float]:
    """Return `values` in whole megawatts."""
    return [float(round(value)) for value in values]


def cents(values: Sequence[float]) -> list[float]:
    """Return `values` with two decimal places."""
    return [round(value, 2) for value in values]


FORECAST = {
    "B16": whole(quarters(solar, 0.003, "solar")),
    "B18": whole(quarters(offshore, 0.012, "offshore")),
    "B19": whole(quarters(onshore, 0.010, "onshore")),
}
# In the morning of the day: clouds after noon, and the wind rises earlier.
CORRECTION: dict[str, Callable[[float], float]] = {
    "B16": lambda hour: 1 - 0.13 * bell(hour, 15.2, 1.8),
    "B18": lambda hour: 1 + 0.16 * bell(hour, 19, 3),
    "B19": lambda hour: 1 + 0.21 * bell(hour, 17.5, 2.6),
}
INTRADAY = {
    psr_type: whole([v * CORRECTION[psr_type](h) for v, h in zip(values, HOURS, strict=True)])
    for psr_type, values in FORECAST.items()
}
LOAD_FORECAST = cents(quarters(demand, 0.001, "load forecast"))
LOAD_ACTUAL = cents(
    quarters(lambda hour: demand(hour) * (1.012 + 0.028 * bell(hour, 15.5, 2.5)), 0.002, "actual")
)
PUMPED = quarters(pumping, 0.02, "pumped")
GENERATION: dict[str, list[float]] = {
    "B01": quarters(thermal(4_350, 120, 180), 0.001, "biomass"),
    "B02": quarters(thermal(8_100, 3_300, 900), 0.006, "lignite"),
    "B04": quarters(thermal(5_200, 2_100, 3_900), 0.008, "gas"),
    "B05": quarters(thermal(2_500, 1_150, 1_300), 0.010, "hard coal"),
    "B06": quarters(thermal(240, 0, 60), 0.010, "oil"),
    "B09": quarters(thermal(27, 0, 0), 0.004, "geothermal"),
    "B11": quarters(thermal(1_720, 0, 60), 0.002, "river"),
    "B12": quarters(thermal(90, 40, 160), 0.010, "reservoir"),
    "B16": quarters(lambda hour: 0.97 * solar(hour) * CORRECTION["B16"](hour), 0.003, "sun"),
    "B17": quarters(thermal(720, 0, 20), 0.004, "waste"),
    "B18": quarters(lambda hour: offshore(hour) * CORRECTION["B18"](hour), 0.014, "sea"),
    "B19": quarters(lambda hour: onshore(hour) * CORRECTION["B19"](hour), 0.012, "land"),
    "B20": quarters(thermal(180, 0, 10), 0.006, "other"),
}


def prices() -> tuple[list[float], list[float]]:
    """Return EUR/MWh of two auctions; within an hour, prices fall before noon and rise after."""
    saw = [6.75, 2.25, -2.25, -6.75] * 24  # within an hour, prices fall before noon and rise after
    first = [
        p + (s if hour < SOLAR_NOON else -s)
        for p, s, hour in zip(quarters(price, 0.01, "price"), saw, HOURS, strict=True)
    ]
    second = [
        p + 0.1 * (p - 70) + 2.4 * math.sin(hour) for p, hour in zip(first, HOURS, strict=True)
    ]
    return cents(first), cents(second)


FIRST_AUCTION, SECOND_AUCTION = prices()

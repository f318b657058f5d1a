"""The demonstration: the bundled synthetic events, published as any other event is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from flows.document import reference
from flows.local import publish_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.outcome import Outcome
    from flows.settings import Settings

# A forecast before what it is compared with, a first revision before its update.
EVENTS = (
    "wind_solar_DE_LU.xml",
    "wind_solar_DE_LU_intraday.xml",
    "day_ahead_prices_DE_LU.xml",
    "load_DE_LU_forecast.xml",
    "load_DE_LU_actual.xml",
    "generation_mix_DE_LU.xml",
    "outage_alert_BE.xml",
)
SUBSCRIBERS = (
    Subscriber("Ada Andersen", "ada@reader.example"),
    Subscriber("Bram de Boer", "bram@reader.example", newsletters=("outage_alert", "load")),
    Subscriber("Chiara Conti", "chiara@reader.example", zones=("DE_LU",)),
)


def run(options: Settings) -> Iterator[tuple[str, list[Outcome]]]:
    """Publish the sample events; yield each with what became of it.

    A home without subscribers gets three; one without installed capacities gets the samples'.
    """
    samples = options.notebooks / "samples"
    options.home.mkdir(parents=True, exist_ok=True)
    directory = open_directory(options.ledger_address)
    if not any(True for _ in directory.subscribers()):
        directory.add(SUBSCRIBERS)
    reference.seed_cache(options.capacity_cache_folder, samples / "installed_capacity.json")
    sources = [str(samples / name) for name in EVENTS]
    yield from publish_sources(sources, options, always_embedded=True)

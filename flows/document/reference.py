"""Reference data that an event does not carry: installed capacity, asked from the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.document.capacity_cache import CapacityCache, seed_cache
from flows.document.platform_errors import key_missing
from flows.document.zones import is_known

if TYPE_CHECKING:
    from pathlib import Path

    from flows.document.zones import Zone

__all__ = ["installed_capacity", "seed_cache"]

_SOURCE = "ENTSO-E Transparency Platform, document type A68, process type A33"


def installed_capacity(
    zone: Zone,
    year: int,
    *,
    api_key: str | None,
    cache_folder: Path,
    timeout_seconds: float = 20.0,
) -> dict[str, float]:
    """Return a zone's installed capacity in a year, in MW by production type code ("B16").

    Document type A68, process type A33: Regulation (EU) 543/2013, article 14.1.a. A type without
    a value is left out; 0.0 is a value. Empty where the platform has nothing for zone and year, or
    where entsoe-py does not know the zone. The answer is kept in `cache_folder` for a day.

    Args:
        zone: bidding zone, country or control area.
        year: calendar year in the zone.
        api_key: the platform's key; not needed for what is kept.
        cache_folder: where answers are kept; made if need be.
        timeout_seconds: from connecting to the last byte of the answer.

    Raises:
        SettingsError: no key, or the platform refuses it.
        ReferenceUnavailable: no sound answer in time.

    """
    if not is_known(zone.eic):
        return {}
    cache = CapacityCache(cache_folder, zone, year)
    kept = cache.load()
    if kept is not None:
        return kept
    key = (api_key or "").strip()
    if not key:
        raise key_missing("no Transparency Platform key is set")
    from flows.document import capacity_query  # noqa: PLC0415 - brings pandas, 50 MB of it

    capacity_mw = capacity_query.ask(zone, year, key, timeout_seconds)
    cache.store(capacity_mw, source=_SOURCE)
    return capacity_mw

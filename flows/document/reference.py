"""Reference data that an event does not carry: installed capacity, asked from the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from entsoe.entsoe import EntsoePandasClient
from entsoe.exceptions import NoMatchingDataError
from entsoe.mappings import PSRTYPE_MAPPINGS

from flows.document.capacity_cache import CapacityCache, seed_cache
from flows.document.platform import KEY_PLACEHOLDER, PlatformSession, key_missing, unavailable
from flows.document.zones import is_known
from flows.errors import GridletterError

if TYPE_CHECKING:
    from pathlib import Path

    from flows.document.zones import Zone

__all__ = ["installed_capacity", "seed_cache"]

_SOURCE = "ENTSO-E Transparency Platform, document type A68, process type A33"
_CODES = {name: code for code, name in PSRTYPE_MAPPINGS.items()}


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
    capacity_mw = _ask(zone, year, key, timeout_seconds)
    cache.store(capacity_mw, source=_SOURCE)
    return capacity_mw


def _ask(zone: Zone, year: int, key: str, timeout_seconds: float) -> dict[str, float]:
    start, end = (pd.Timestamp(year=y, month=1, day=1, tz=zone.tz) for y in (year, year + 1))
    with PlatformSession(key, timeout_seconds) as session:
        client = EntsoePandasClient(
            api_key=KEY_PLACEHOLDER, session=session, retry_count=1, retry_delay=0
        )
        try:
            frame = client.query_installed_generation_capacity(zone.eic, start=start, end=end)
            return _by_code(frame, year)
        except NoMatchingDataError:
            return {}
        except GridletterError:
            raise
        except Exception as error:  # noqa: BLE001 - entsoe-py's parser raises whatever it stumbles on
            stumbled = type(error).__name__
    raise unavailable(f"entsoe-py can't read its answer ({stumbled})")


def _by_code(frame: pd.DataFrame, year: int) -> dict[str, float]:
    """Return the year's row; entsoe-py gives a row per year and a column per type's name."""
    # The platform's year begins at 23:00 UTC; entsoe-py rolls that on to the first of January.
    rows = frame[pd.DatetimeIndex(frame.index).year == year]
    if rows.empty:
        return {}
    values = {_CODES[str(name)]: float(mw) for name, mw in rows.iloc[-1].items()}
    return {code: mw for code, mw in sorted(values.items()) if mw >= 0}  # NaN is not

"""The question for installed capacity, by entsoe-py's client: only who asks pays for pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from entsoe.entsoe import EntsoePandasClient
from entsoe.exceptions import NoMatchingDataError
from entsoe.mappings import PSRTYPE_MAPPINGS

from flows.document.platform import KEY_PLACEHOLDER, PlatformSession
from flows.document.platform_errors import unavailable
from flows.errors import GridletterError

if TYPE_CHECKING:
    from flows.document.zones import Zone

_CODES = {name: code for code, name in PSRTYPE_MAPPINGS.items()}


def ask(zone: Zone, year: int, key: str, timeout_seconds: float) -> dict[str, float]:
    """Return the platform's answer: MW by production type code, empty where it has nothing.

    Raises:
        SettingsError: the platform refuses the key, or its address is none.
        ReferenceUnavailable: no sound answer in time.
    """
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

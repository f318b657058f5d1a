"""What is said when the Transparency Platform can't be asked, or gives no answer."""

from __future__ import annotations

from flows.errors import ReferenceUnavailable, SettingsError

_KEY_SETTING = "GRIDLETTER_ENTSOE_API_KEY"


def key_missing(what: str) -> SettingsError:
    """Return the error that the platform can't be asked, or refuses, for want of a good key."""
    return SettingsError(
        what,
        remedy="Put a Transparency Platform key into the Prefect Secret block `entsoe-api-key` or "
        f"the setting {_KEY_SETTING}; newsletters go out without percentages until then",
        setting=_KEY_SETTING,
    )


def unavailable(reason: str) -> ReferenceUnavailable:
    """Return the error that the platform did not answer; `reason` never quotes what it sent."""
    return ReferenceUnavailable(
        f"the Transparency Platform gave no reference data: {reason}",
        remedy="Try again later; newsletters go out without percentages until then",
        reason=reason,
    )

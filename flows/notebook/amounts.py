"""Amounts in the words of readers: signs and narrow spaces, never a false zero."""

from __future__ import annotations

import math
from typing import Final

MISSING: Final = "n/a"
_KILO, _HUNDRED = 1000, 100


def number(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Return `value` for readers: `41 200.5`, `−3.2`, `n/a` where it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace(",", "\u202f").replace("-", "\u2212")


def compact(value: float) -> str:
    """Return `value` with at most two decimal places and no zero at its end: `3.25`, `4`."""
    return number(value, 2).rstrip("0").rstrip(".")


def power(megawatts: float) -> str:
    """Return a power for a sentence: `31.2 GW`, `412 MW`."""
    if abs(megawatts) >= _KILO:
        return f"{number(megawatts / _KILO)} GW"
    return f"{number(megawatts, 0)} MW"


def energy(gigawatt_hours: float) -> str:
    """Return an energy for a sentence: `412 GWh`, `31.2 GWh`, `415 MWh`."""
    if abs(gigawatt_hours) >= _HUNDRED:
        return f"{number(gigawatt_hours, 0)} GWh"
    if abs(gigawatt_hours) >= 1:
        return f"{number(gigawatt_hours)} GWh"
    return f"{number(gigawatt_hours * _KILO, 0)} MWh"


def hours(length: float) -> str:
    """Return a length of time for a sentence: `1 hour`, `3.25 hours`."""
    text = compact(length)
    return f"{text} hour" if text == "1" else f"{text} hours"

"""Bidding zones, control areas and codes under the names that people use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flows.document.entsoe_tables import tables

if TYPE_CHECKING:
    from entsoe.mappings import Area

_UNKNOWN_TZ = "Europe/Brussels"
_SLUG = re.compile(r"[^A-Za-z0-9]+")

_NAMES = {
    "AL": "Albania",
    "AT": "Austria",
    "BA": "Bosnia and Herzegovina",
    "BE": "Belgium",
    "BG": "Bulgaria",
    "BY": "Belarus",
    "CH": "Switzerland",
    "CWE": "Central Western Europe",
    "CY": "Cyprus",
    "CZ": "Czechia",
    "CZ_DE_SK": "Czechia–Germany–Slovakia",
    "DE": "Germany",
    "DE_50HZ": "Germany (50Hertz)",
    "DE_AMPRION": "Germany (Amprion)",
    "DE_AMP_LU": "Germany–Luxembourg (Amprion)",
    "DE_AT_LU": "Germany–Austria–Luxembourg",
    "DE_LU": "Germany–Luxembourg",
    "DE_TENNET": "Germany (TenneT)",
    "DE_TRANSNET": "Germany (TransnetBW)",
    "DK": "Denmark",
    "DK_1": "Denmark DK1 (West)",
    "DK_1_NO_1": "Denmark DK1–Norway NO1",
    "DK_2": "Denmark DK2 (East)",
    "DK_CA": "Denmark (Energinet)",
    "EE": "Estonia",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GB": "Great Britain",
    "GB_ELECLINK": "Great Britain (ElecLink)",
    "GB_IFA": "Great Britain (IFA)",
    "GB_IFA2": "Great Britain (IFA2)",
    "GE": "Georgia",
    "GR": "Greece",
    "HR": "Croatia",
    "HU": "Hungary",
    "IE": "Ireland (EirGrid)",
    "IE_SEM": "Ireland (SEM)",
    "IS": "Iceland",
    "IT": "Italy",
    "IT_BRNN": "Italy Brindisi",
    "IT_CALA": "Italy Calabria",
    "IT_CNOR": "Italy Centre-North",
    "IT_CSUD": "Italy Centre-South",
    "IT_FOGN": "Italy Foggia",
    "IT_GR": "Italy–Greece",
    "IT_MACRO_NORTH": "Italy North (macrozone)",
    "IT_MACRO_SOUTH": "Italy South (macrozone)",
    "IT_MALTA": "Italy–Malta",
    "IT_NORD": "Italy North",
    "IT_NORD_AT": "Italy North–Austria",
    "IT_NORD_CH": "Italy North–Switzerland",
    "IT_NORD_FR": "Italy North–France",
    "IT_NORD_SI": "Italy North–Slovenia",
    "IT_PRGP": "Italy Priolo",
    "IT_ROSN": "Italy Rossano",
    "IT_SACO_AC": "Italy Sardinia–Corsica (AC)",
    "IT_SACO_DC": "Italy Sardinia–Corsica (DC)",
    "IT_SARD": "Italy Sardinia",
    "IT_SICI": "Italy Sicily",
    "IT_SUD": "Italy South",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "LV": "Latvia",
    "MD": "Moldova",
    "ME": "Montenegro",
    "MK": "North Macedonia",
    "MT": "Malta",
    "NIE": "Northern Ireland",
    "NL": "Netherlands",
    "NO": "Norway",
    "NO_1": "Norway NO1 (Oslo)",
    "NO_1A": "Norway NO1A",
    "NO_2": "Norway NO2 (Kristiansand)",
    "NO_2A": "Norway NO2A",
    "NO_2_NSL": "Norway NO2 (North Sea Link)",
    "NO_3": "Norway NO3 (Trondheim)",
    "NO_4": "Norway NO4 (Tromsø)",
    "NO_5": "Norway NO5 (Bergen)",
    "PL": "Poland",
    "PL_CZ": "Poland–Czechia",
    "PT": "Portugal",
    "RO": "Romania",
    "RS": "Serbia",
    "RU": "Russia",
    "RU_KGD": "Kaliningrad",
    "SE": "Sweden",
    "SE_1": "Sweden SE1 (Luleå)",
    "SE_2": "Sweden SE2 (Sundsvall)",
    "SE_3": "Sweden SE3 (Stockholm)",
    "SE_4": "Sweden SE4 (Malmö)",
    "SI": "Slovenia",
    "SK": "Slovakia",
    "TR": "Türkiye",
    "UA": "Ukraine",
    "UA_BEI": "Ukraine (Burshtyn)",
    "UA_DOBTPP": "Ukraine (Dobrotvir)",
    "UA_IPS": "Ukraine (IPS)",
    "UK": "United Kingdom",
    "XK": "Kosovo",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """An area of the market: EIC, entsoe-py's code for it, a name for people, and its clock."""

    eic: str
    code: str
    name: str
    tz: str

    def __str__(self) -> str:
        return self.name


@lru_cache(maxsize=1024)
def zone(eic_or_code: str) -> Zone:
    """Return the zone with this EIC (`10Y1001A1001A82H`) or entsoe-py code (`DE_LU`, any case).

    One that entsoe-py does not know is named by its EIC and lives by the market's clock,
    Europe/Brussels; its code is the EIC made safe for file names and addresses.
    """
    area = _areas().__members__.get(eic_or_code.upper())
    if area is None:
        area = next((known for known in _areas() if known.value == eic_or_code), None)
    if area is None:
        slug = _SLUG.sub("-", eic_or_code).strip("-") or "unknown"
        return Zone(eic_or_code, slug, eic_or_code, _UNKNOWN_TZ)
    return Zone(area.value, area.name, _NAMES[area.name], area.tz)


def is_known(eic: str) -> bool:
    """Say whether entsoe-py has an area with this EIC."""
    return any(known.value == eic for known in _areas())


def _areas() -> type[Area]:
    areas: type[Area] = tables().Area
    return areas

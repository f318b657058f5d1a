"""Zones and codes under the names that people use."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from entsoe.mappings import PSRTYPE_MAPPINGS, Area

from flows.document import DOCUMENT_TYPES, PROCESS_TYPES, PRODUCTION_TYPES, Zone, zone


@pytest.mark.parametrize("area", Area)
def test_every_area_has_a_name_for_people_and_a_clock(area):
    """Each of entsoe-py's areas has a name without market jargon, and a time zone that exists."""
    found = zone(area.value)
    assert (found.eic, found.code, found.tz) == (area.value, area.name, area.tz)
    assert ZoneInfo(found.tz)
    words = set(found.name.replace("(", " ").replace(")", " ").split())
    assert not words & {"BZ", "MBA", "CA", "BZN", "BZA", "CTA", "/"}
    assert "_" not in found.name
    assert str(found) == found.name


def test_names_tell_areas_apart():
    """No two areas have the same name."""
    names = [zone(area.value).name for area in Area]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("DE_LU", "Germany–Luxembourg"),
        ("SE_3", "Sweden SE3 (Stockholm)"),
        ("DK_1", "Denmark DK1 (West)"),
        ("IT_NORD", "Italy North"),
        ("CZ", "Czechia"),
        ("IE_SEM", "Ireland (SEM)"),
    ],
)
def test_zones_are_called_as_people_call_them(code, name):
    """The zones that come most have the names that an energy desk uses."""
    assert zone(code).name == name


def test_a_zone_is_found_by_eic_and_by_code():
    """EIC, code in any case, and an alias that entsoe-py has for it name the same zone."""
    assert zone("10Y1001A1001A82H") == zone("DE_LU") == zone("de_lu") == zone("LU_BZN")


@pytest.mark.parametrize(
    ("eic", "code"),
    [("10YXX-UNKNOWN--1", "10YXX-UNKNOWN-1"), ("../../etc", "etc"), ("<b>", "b"), ("", "unknown")],
)
def test_an_unknown_zone_is_named_by_its_eic(eic, code):
    """An area that entsoe-py does not know keeps its EIC; its code is safe in file names."""
    assert zone(eic) == Zone(eic, code, eic, "Europe/Brussels")


def test_every_production_type_has_a_short_name():
    """Each production type of entsoe-py has a name here, no longer than fits a legend."""
    assert set(PRODUCTION_TYPES) >= set(PSRTYPE_MAPPINGS)
    assert max(map(len, PRODUCTION_TYPES.values())) <= 16
    assert len(set(PRODUCTION_TYPES.values())) == len(PRODUCTION_TYPES)


def test_documents_and_processes_have_names():
    """The documents that newsletters listen to, and their processes, have names for people."""
    assert DOCUMENT_TYPES["A69"] == "Wind and solar forecast"
    assert PROCESS_TYPES["A01"] == "Day-ahead"
    assert {"A11", "A44", "A65", "A75", "A77", "A80", "A85"} <= set(DOCUMENT_TYPES)
    assert {"A16", "A18", "A40"} <= set(PROCESS_TYPES)


def test_code_lists_are_read_only():
    """A notebook cannot change a code list for the next one."""
    with pytest.raises(TypeError):
        PRODUCTION_TYPES["B16"] = "Sun"

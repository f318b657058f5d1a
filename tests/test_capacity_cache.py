"""Capacities are kept for a day, samples for minutes, and no state of the disk is an error."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.document import read
from flows.document.capacity_cache import CapacityCache, seed_cache
from flows.document.zones import zone
from flows.errors import SettingsError
from platform_documents import DE_LU, DE_LU_2026

# entsoe-py silences the first itself, which pytest undoes; the second is about its own code.
pytestmark = pytest.mark.filterwarnings(
    "ignore::bs4.builder.XMLParsedAsHTMLWarning", "ignore:The inplace keyword"
)
pytest_plugins = ("platform_standin",)

SAMPLES = Path(__file__).parent.parent / "notebooks/samples/installed_capacity.json"

# --- the cache -----------------------------------------------------------------------------------


def test_an_answer_is_kept(ask, platform_standin):
    """The second question of a day is answered from the cache, without a key, value for value."""
    first = ask()
    assert ask(api_key=None) == first
    assert len(platform_standin.requests) == 1


def test_zones_and_years_are_kept_apart(ask):
    """Each zone and year has an answer of its own."""
    assert ask() == DE_LU_2026
    assert ask(year=2025) == {"B16": 98_000.0, "B18": 9300.0, "B19": 63_800.0}
    assert ask("BE") == {"B04": 6700.0, "B14": 2100.0, "B16": 12_400.0}
    assert ask(api_key=None) == DE_LU_2026


def _entry(**changes):
    """Return a cache file's text, valid but for `changes`."""
    now = datetime.now(UTC)
    entry = {
        "zone": DE_LU,
        "year": 2026,
        "source": "a test",
        "valid_from": (now - timedelta(hours=1)).isoformat(),
        "valid_until": (now + timedelta(hours=1)).isoformat(),
        "capacity_mw": {"B16": 1.0},
    }
    return json.dumps(entry | changes)


def _hours(hours):
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def _kept_file(folder):
    [file] = folder.glob("*.json")
    return file


def test_a_valid_entry_counts(ask, cache_folder, platform_standin):
    """The entry that the next test spoils in many ways is one that counts as it stands."""
    ask()
    _kept_file(cache_folder).write_text(_entry())
    assert ask() == {"B16": 1.0}
    assert len(platform_standin.requests) == 1


SPOILT = {
    "empty": "",
    "binary": "\x00\udcff\udcfe",
    "truncated": _entry()[:-20],
    "deep": "[" * 60_000,
    "null": "null",
    "bare": "{}",
    "long": " " * 200_000 + _entry(),
    "of another zone": _entry(zone="10YBE----------2"),
    "of another year": _entry(year=2025),
    "text for a number": _entry(capacity_mw={"B16": "1"}),
    "null for a number": _entry(capacity_mw={"B16": None}),
    "nan": _entry(capacity_mw={"B16": float("nan")}),
    "infinite": _entry(capacity_mw={"B16": float("inf")}),
    "negative": _entry(capacity_mw={"B16": -1.0}),
    "names for codes": _entry(capacity_mw={"Solar": 1.0}),
    "a list": _entry(capacity_mw=[]),
    "an unknown key": _entry(more=1),
    "outdated": _entry(valid_from=_hours(-26), valid_until=_hours(-2)),
    "of the future": _entry(valid_from=_hours(1), valid_until=_hours(2)),
    "for a year": _entry(valid_until=_hours(24 * 365)),
    "no time": _entry(valid_from="yesterday"),
    "no time zone": _entry(valid_from="2026-01-01T00:00:00"),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_entry_is_replaced(ask, cache_folder, platform_standin, spoilt):
    """An entry that is damaged, foreign, outdated or of the future is asked for again, replaced."""
    ask()
    file = _kept_file(cache_folder)
    file.write_text(spoilt, errors="surrogateescape")
    assert ask() == DE_LU_2026
    assert ask(api_key=None) == DE_LU_2026
    assert len(platform_standin.requests) == 2


def test_an_entry_is_kept_for_a_day(ask, cache_folder):
    """What is written is valid from now on for 24 hours."""
    ask()
    entry = json.loads(_kept_file(cache_folder).read_text())
    begin, end = (datetime.fromisoformat(entry[name]) for name in ("valid_from", "valid_until"))
    assert end - begin == timedelta(days=1)
    assert abs(datetime.now(UTC) - begin) < timedelta(minutes=1)


def test_nothing_but_entries_is_left(ask, cache_folder):
    """No temporary file stays behind."""
    ask()
    ask("BE")
    assert sorted(file.name for file in cache_folder.iterdir()) == [
        "10Y1001A1001A82H_2026.json",
        "10YBE----------2_2026.json",
    ]


def test_an_unwritable_cache_is_no_error(ask, cache_folder):
    """Where a file stands in the folder's place, answers are given all the same."""
    cache_folder.write_text("not a folder")
    assert ask() == DE_LU_2026
    assert ask() == DE_LU_2026


def test_an_entry_that_cannot_be_replaced_is_no_error(ask, cache_folder):
    """Where a folder stands in an entry's place, answers are given, and no temporary file stays."""
    blocked = cache_folder / f"{DE_LU}_2026.json"
    blocked.mkdir(parents=True)
    assert ask() == DE_LU_2026
    assert list(cache_folder.iterdir()) == [blocked]


def test_readers_never_meet_half_an_entry(tmp_path):
    """While eight threads write an entry again and again, each reader sees one of theirs, whole."""
    cache = CapacityCache(tmp_path, zone("DE_LU"), 2026)

    def write(number):
        for _ in range(40):
            values = {f"B{code:02}": float(number) for code in range(1, 26)}
            cache.store(values, source="a test")

    write(0)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    reads = 0
    while any(thread.is_alive() for thread in threads):
        seen = cache.load()
        assert seen is not None
        assert len(seen) == 25
        assert len(set(seen.values())) == 1
        reads += 1
    assert reads
    assert [file.name for file in tmp_path.iterdir()] == [f"{DE_LU}_2026.json"]


# --- the demonstration's samples -----------------------------------------------------------------


def test_samples_take_the_same_road(ask, cache_folder, platform_standin):
    """Seeded samples answer without key and platform, for every zone that is bundled."""
    seed_cache(cache_folder, SAMPLES)
    bundle = json.loads((SAMPLES).read_text())
    assert set(bundle["capacity_mw"]) == {"DE_LU", "NL", "BE", "FR", "DK_1", "ES"}
    for code, capacity_mw in bundle["capacity_mw"].items():
        assert ask(code, bundle["year"], api_key=None) == capacity_mw
    assert not platform_standin.requests


def test_samples_say_that_they_are_synthetic(tmp_path):
    """The bundle and each entry made from it say that no figure is ENTSO-E's."""
    seed_cache(tmp_path, SAMPLES)
    assert "Synthetic" in json.loads((SAMPLES).read_text())["about"]
    for file in tmp_path.glob("*.json"):
        assert "Synthetic" in json.loads(file.read_text())["source"]


def test_samples_fit_the_sample_events(ask, cache_folder):
    """Each type that a sample forecast or generation document shows is below its capacity."""
    seed_cache(cache_folder, SAMPLES)
    seen = set()
    for name in ("wind_solar_DE_LU.xml", "generation_mix_DE_LU.xml"):
        [document] = read((SAMPLES.parent / name).read_bytes())
        year = document.local_frame["start"].iloc[0].year
        capacity_mw = ask(document.zone, year, api_key=None)
        peaks = document.frame.groupby("psr_type")["value"].max()
        for psr_type, peak_mw in peaks.items():
            assert 0 < peak_mw < capacity_mw[psr_type]
            seen.add(psr_type)
    assert {"B16", "B18", "B19"} <= seen


def test_samples_never_replace_an_answer(ask, cache_folder):
    """A valid answer of the platform stays when samples are seeded."""
    ask()
    seed_cache(cache_folder, SAMPLES)
    assert ask(api_key=None) == DE_LU_2026


def test_samples_stand_for_minutes(ask, cache_folder):
    """Samples end after a quarter of an hour, so that no real event is measured by them later."""
    seed_cache(cache_folder, SAMPLES)
    file = cache_folder / f"{DE_LU}_2026.json"
    entry = json.loads(file.read_text())
    begin, end = (datetime.fromisoformat(entry[name]) for name in ("valid_from", "valid_until"))
    assert end - begin == timedelta(minutes=15)
    shift = timedelta(minutes=16)
    moved = {"valid_from": f"{begin - shift}", "valid_until": f"{end - shift}"}
    file.write_text(json.dumps(entry | moved))
    assert ask() == DE_LU_2026


@pytest.mark.parametrize("content", [None, "", '{"year": 2026}'])
def test_missing_samples_are_a_settings_error(tmp_path, cache_folder, content):
    """Samples that are not there or not in form end in one line that names the setting."""
    samples = tmp_path / "installed_capacity.json"
    if content is not None:
        samples.write_text(content)
    with pytest.raises(SettingsError, match="GRIDLETTER_NOTEBOOKS"):
        seed_cache(cache_folder, samples)

"""The edge cases of a check are documents as the platform would write them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conftest import SAMPLES
from documents import DE_LU, document, into, period, series
from flows import document as market
from flows.check import altered

BERLIN = "Europe/Berlin"


def read(xml):
    (found,) = market.read(xml)
    return found


def day(values, resolution="PT60M", **more):
    return document(series(values, resolution=resolution, **more))


@pytest.mark.parametrize("curve", ["A01", "A03"])
@pytest.mark.parametrize(
    ("hours", "date"), [(23, "2025-03-30"), (25, "2024-10-27")], ids=["spring", "autumn"]
)
def test_a_day_becomes_the_one_on_which_clocks_change(curve, hours, date):
    """The document covers that day from midnight to midnight, one value for each of its hours."""
    xml = day(range(24), curve=curve)
    changed = read(altered.change_day(xml, BERLIN, hours))
    local = changed.frame["start"].dt.tz_convert(BERLIN)
    assert len(changed.frame) == hours
    assert local.iloc[0] == pd.Timestamp(date, tz=BERLIN)
    assert (local.dt.strftime("%Y-%m-%d") == date).all()
    assert changed.frame["value"].notna().all()
    assert list(changed.frame["value"][:23]) == list(range(23))
    assert changed.created - changed.start == read(xml).created - read(xml).start


def test_a_series_of_two_periods_stays_whole():
    """Periods that met at an hour of the clock still meet there, and overlap nowhere."""
    halves = [
        period([1] * 12, end="2024-06-15T10:00Z", resolution="PT60M"),
        period([2] * 12, start="2024-06-15T10:00Z", resolution="PT60M"),
    ]
    for hours in (23, 25):
        frame = read(altered.change_day(document(series(*halves)), BERLIN, hours)).frame
        assert len(frame) == hours
        assert (frame["end"][:-1].to_numpy() == frame["start"][1:].to_numpy()).all()


def test_a_period_within_the_skipped_hour_is_left_out():
    """What covered 02:00–03:00 has no place on the day that has no such hour."""
    nights = [
        period([1] * 2, end="2024-06-15T00:00Z", resolution="PT60M"),
        period([2], start="2024-06-15T00:00Z", end="2024-06-15T01:00Z", resolution="PT60M"),
        period([3] * 21, start="2024-06-15T01:00Z", resolution="PT60M"),
    ]
    frame = read(altered.change_day(document(series(*nights)), BERLIN, 23)).frame
    assert list(frame["value"]) == [1] * 2 + [3] * 21


def test_where_clocks_do_not_change_there_is_no_such_day():
    """A zone without summer time has neither day; nor has a document of whole days or months."""
    assert altered.change_day(day(range(24)), "Atlantic/Reykjavik", 23) is None
    assert altered.change_day(day([1], resolution="P1D"), BERLIN, 25) is None


@pytest.mark.parametrize("curve", ["A01", "A03"])
def test_gaps_are_times_without_values(curve):
    """From a third to a half of the day nothing is stated, whatever the curve; the rest stays."""
    frame = read(altered.with_gaps(day(range(24), curve=curve))).frame
    hours = frame["start"].dt.tz_convert(BERLIN).dt.hour
    stated = set(hours[frame["value"].notna()])
    assert stated == set(range(24)) - set(range(8, 12))
    assert all(frame["value"].dropna() == hours[frame["value"].notna()])


def test_a_carried_value_goes_on_after_the_gap():
    """Where only the first value is stated, it holds on both sides of the gap."""
    frame = read(altered.with_gaps(day({1: 5}, curve="A03"))).frame
    assert np.nansum(frame["value"]) == 5 * 20


def test_what_is_too_short_has_no_gap():
    """One value for the whole day can't be cut."""
    assert altered.with_gaps(day([1], resolution="P1D")) is None


def test_a_type_is_taken_out_with_all_its_series():
    """Only the series of the other types stay."""
    both = document(
        *(series([1] * 96, psr_type=code, number=code) for code in ("B16", "B19", "B16"))
    )
    assert set(read(altered.without_types(both, ["B16"])).frame["psr_type"]) == {"B19"}


def test_an_unknown_zone_is_named_by_its_eic():
    """The document is about an area without a name, and about that alone."""
    changed = read(altered.in_unknown_zone(day(range(24), where=into(DE_LU)), DE_LU))
    assert changed.zone.name == changed.zone.eic == altered.UNKNOWN_EIC


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.stem)
def test_every_bundled_sample_has_its_edge_cases(path):
    """All that can be made of a sample is read as one document of the same kind."""
    xml = path.read_text(encoding="utf-8")
    whole = read(xml)
    for changed in (
        altered.change_day(xml, whole.zone.tz, 23),
        altered.change_day(xml, whole.zone.tz, 25),
        altered.with_gaps(xml),
        altered.in_unknown_zone(xml, whole.zone.eic),
        altered.with_revision(xml, 7),
    ):
        found = read(changed)
        assert found.document_type == whole.document_type
        assert set(found.psr_types) == set(whole.psr_types)
        assert len(found.frame) >= 0.8 * len(whole.frame)

"""Time: local days with 23 and 25 hours, zones whose days the platform cuts in Brussels."""

from __future__ import annotations

import pytest

from documents import DE_LU, document, into, series
from flows.document import read
from flows.document.resolution import parse_resolution

PT, TR, GB, IE = "10YPT-REN------W", "10YTR-TEIAS----W", "10YGB----------A", "10Y1001A1001A59C"


def one(xml: str):
    """The only document in `xml`."""
    (found,) = read(xml)
    return found


def hours(frame) -> list[float]:
    return (frame["end"] - frame["start"]).dt.total_seconds().div(3600).tolist()


def test_autumn_has_both_hours_from_two():
    """On the day summer time ends the local clock shows 02:00 twice, an hour apart; 25 hours."""
    day = {"start": "2024-10-26T22:00Z", "end": "2024-10-27T23:00Z", "resolution": "PT60M"}
    frame = one(document(series(range(25), **day))).local_frame
    clock = frame["start"].dt.strftime("%H:%M %z").tolist()
    assert len(clock) == 25
    assert clock[2:4] == ["02:00 +0200", "02:00 +0100"]
    assert set(frame["start"].dt.date.astype(str)) == {"2024-10-27"}
    assert frame["value"].tolist() == list(range(25))


def test_spring_has_no_hour_from_two():
    """On the day summer time begins the local clock goes from 01:00 to 03:00; 23 hours."""
    day = {"start": "2024-03-30T23:00Z", "end": "2024-03-31T22:00Z", "resolution": "PT60M"}
    frame = one(document(series(range(23), **day))).local_frame
    assert frame["start"].dt.hour.tolist() == [0, 1, *range(3, 24)]


def test_a_frame_in_utc_says_when_values_hold():
    """`frame` is in UTC with nanosecond dtype; `local_frame` names the zone's clock."""
    found = one(document(series([1])))
    assert str(found.frame["start"].dtype) == str(found.frame["end"].dtype) == "datetime64[ns, UTC]"
    assert str(found.local_frame["start"].dt.tz) == found.zone.tz == "Europe/Berlin"
    assert found.start.isoformat() == "2024-06-14T22:00:00+00:00"


@pytest.mark.parametrize("zone", [PT, TR, IE])
def test_days_that_are_cut_in_brussels(zone):
    """Days from midnight to midnight in Brussels are whole days in a zone with another clock.

    The week ends summer time in Brussels. Seven days from local midnight, as the clocks of Lisbon,
    Istanbul and Dublin have it, would leave an hour over or make an eighth value of it.
    """
    week = {"start": "2024-10-20T22:00Z", "end": "2024-10-27T23:00Z", "resolution": "P1D"}
    frame = one(document(series(range(7), where=into(zone), **week))).frame
    assert hours(frame) == [24, 24, 24, 24, 24, 24, 25]


def test_months_that_are_cut_in_brussels():
    """Months that begin at 23:00 of the last day, in Lisbon, are those of Brussels, 31st or not."""
    spring = {"start": "2024-01-31T23:00Z", "end": "2024-04-30T22:00Z", "resolution": "P1M"}
    frame = one(document(series([2, 3, 4], where=into(PT), **spring))).frame
    assert frame["start"].dt.strftime("%m-%d %H:%M").tolist() == [
        "01-31 23:00",
        "02-29 23:00",
        "03-31 22:00",
    ]


def test_days_that_are_cut_locally():
    """Days from local midnight on are local days, here in London."""
    days = {"start": "2024-10-26T23:00Z", "end": "2024-10-29T00:00Z", "resolution": "P1D"}
    assert hours(one(document(series([1, 2], where=into(GB), **days))).frame) == [25, 24]


def test_a_calendar_step_ends_with_its_period():
    """The last week of a month is as long as the month has it."""
    february = {"start": "2023-01-31T23:00Z", "end": "2023-03-02T23:00Z", "resolution": "P7D"}
    assert hours(one(document(series(range(5), **february))).frame) == [168] * 4 + [48]


@pytest.mark.parametrize(
    ("text", "seconds", "days", "months"),
    [
        ("PT4S", 4, 0, 0),
        ("PT1M", 60, 0, 0),
        ("PT5M", 300, 0, 0),
        ("PT10M", 600, 0, 0),
        ("PT15M", 900, 0, 0),
        ("PT30M", 1800, 0, 0),
        ("PT60M", 3600, 0, 0),
        ("PT1H", 3600, 0, 0),
        ("P1D", 0, 1, 0),
        ("P7D", 0, 7, 0),
        ("P1W", 0, 7, 0),
        ("P1M", 0, 0, 1),
        ("P3M", 0, 0, 3),
        ("P1Y", 0, 0, 12),
    ],
)
def test_every_resolution_has_its_length(text, seconds, days, months):
    """Each resolution of IEC 62325 is absolute seconds, calendar days or calendar months."""
    found = parse_resolution(text)
    assert (found.seconds, found.days, found.months) == (seconds, days, months)


def test_a_year_at_every_fixed_resolution_ends_where_it_ends():
    """At each clock resolution the values of a day fill it from end to end."""
    for resolution, count in (("PT4S", 21600), ("PT5M", 288), ("PT10M", 144), ("PT1H", 24)):
        frame = one(document(series([1], resolution=resolution))).frame
        assert len(frame) == count
        assert frame["start"].iloc[0].isoformat() == "2024-06-14T22:00:00+00:00"
        assert frame["end"].iloc[-1].isoformat() == "2024-06-15T22:00:00+00:00"
        assert (frame["start"].iloc[1:].to_numpy() == frame["end"].iloc[:-1].to_numpy()).all()


def test_offsets_are_times_as_well():
    """A time with an offset instead of Z is that moment."""
    hour = {"start": "2024-06-15T00:00+02:00", "end": "2024-06-15T01:00:00.5+02:00"}
    with pytest.raises(Exception, match="no whole number"):
        read(document(series([1], **hour)))
    hour["end"] = "2024-06-15T01:00:00+02:00"
    frame = one(document(series([1], where=into(DE_LU), **hour))).frame
    assert frame["start"].iloc[0].isoformat() == "2024-06-14T22:00:00+00:00"

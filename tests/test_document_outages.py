"""Unavailability documents: the steps of what is left, and which unit, why and until when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from documents import BE, NL, area, document, element, into, period, series
from flows.document import read
from flows.errors import DocumentError

START, END = "2023-10-11T15:37Z", "2024-03-05T08:00Z"
REASON = "<Reason><code>A95</code><text>Boiler\ninspection</text></Reason>"


def dates(start="2023-10-11", start_time="15:37:00Z", end="2024-03-05", end_time="08:00:00Z"):
    return "".join(
        element(f"{edge}_DateAndOrTime.{part}", text)
        for edge, part, text in (
            ("start", "date", start),
            ("start", "time", start_time),
            ("end", "date", end),
            ("end", "time", end_time),
        )
    )


def unit(name="Rodenhuize 4", nominal="268.0"):
    production = "production_RegisteredResource"
    system = f"{production}.pSRType.powerSystemResources"
    return (
        element(f"{production}.mRID", "22WRODENH000213L")
        + element(f"{production}.name", "Rodenhuize")
        + element(f"{production}.location.name", "Belgium")
        + element(f"{production}.pSRType.psrType", "B01")
        + element(f"{system}.mRID", "22WRODENH150213L")
        + element(f"{system}.name", name)
        + element(f"{system}.nominalP", nominal, ' unit="MAW"')
    )


def outage(
    values=((1, 0),),
    *,
    status=None,
    business_type="A53",
    head=None,
    name="Available_Period",
    **fields,
):
    body = series(
        period(dict(values), start=START, end=END, resolution="PT1M", name=name),
        where=area("biddingZone_Domain", BE),
        business_type=business_type,
        psr_type=None,
        head=dates() + unit() if head is None else head,
    )
    doc_status = "" if status is None else f"<docStatus>{element('value', status)}</docStatus>"
    names = {"family": "Unavailability", "document_type": "A80", "process_type": "A26"}
    window = {"start": START, "end": END, "mrid": "Iq8upus-RPH_sfSA", "revision": 2}
    return document(body, REASON, head=doc_status, **(names | window | fields))


def one(xml: str):
    """The only document in `xml`."""
    (found,) = read(xml)
    return found


def test_an_outage_of_five_months_is_one_step():
    """At PT1M an outage has a row per stated step, not one for each of 210,000 minutes."""
    found = one(outage())
    assert len(found.frame) == 1
    row = found.frame.iloc[0]
    assert (row["start"].isoformat(), row["end"].isoformat()) == (
        "2023-10-11T15:37:00+00:00",
        "2024-03-05T08:00:00+00:00",
    )
    assert (row["value"], row["unit"], row["resource"]) == (0, "MW", "22WRODENH150213L")


def test_steps_follow_each_other():
    """Each step lasts until the next, the last one until the end of the period."""
    frame = one(outage([(1, 100), (61, 0), (1441, 50)])).frame
    assert frame["value"].tolist() == [100, 0, 50]
    assert frame["start"].dt.strftime("%d %H:%M").tolist() == ["11 15:37", "11 16:37", "12 15:37"]
    assert frame["end"].dt.strftime("%d %H:%M").tolist() == ["11 16:37", "12 15:37", "05 08:00"]


def test_a_step_of_fixed_blocks_lasts_one_interval():
    """In curve type A01 a step holds for its own interval only, and nothing is said of the rest."""
    text = outage([(1, 100), (61, 0)]).replace("<curveType>A03", "<curveType>A01")
    frame = one(text).frame
    assert frame["value"].tolist() == [100, 0]
    assert (frame["end"] - frame["start"]).dt.total_seconds().tolist() == [60, 60]


def test_a_step_of_a_coarse_resolution_ends_with_the_outage():
    """An outage may end between two hours of its resolution."""
    frame = one(outage().replace("PT1M", "PT60M")).frame
    assert frame["end"].iloc[0].isoformat() == "2024-03-05T08:00:00+00:00"


def test_an_outage_says_which_unit_why_and_until_when():
    """Unit, location, type, nominal power, kind, reason and times are those of the document."""
    (found,) = one(outage(status="A09")).outages
    assert (found.mrid, found.revision, found.status) == ("Iq8upus-RPH_sfSA", 2, "cancelled")
    assert (found.unit_name, found.unit_eic) == ("Rodenhuize 4", "22WRODENH150213L")
    assert (found.location, found.psr_type, found.nominal_mw) == ("Belgium", "B01", 268.0)
    assert (found.planned, found.reason_codes) == (True, ("A95",))
    assert found.reason_text == "Boiler inspection"
    assert found.start == datetime(2023, 10, 11, 15, 37, tzinfo=UTC)
    assert found.end == datetime(2024, 3, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "status"),
    [(None, "active"), ("A05", "active"), ("A09", "cancelled"), ("A13", "withdrawn")],
)
def test_status_is_the_documents(code, status):
    """Status A09 is cancelled, A13 withdrawn; without one an outage is active."""
    found = one(outage(status=code))
    assert found.status == code
    assert found.outages[0].status == status


def test_forced_outages_are_not_planned():
    """Business type A54 is a forced outage."""
    assert not one(outage(business_type="A54")).outages[0].planned


def test_an_outage_without_unit_is_one():
    """Where a document names no unit (consumption, A76), names are empty, not invented."""
    (found,) = one(outage(head="")).outages
    assert (found.unit_name, found.unit_eic, found.location) == ("", "", "")
    assert (found.psr_type, found.nominal_mw) == (None, None)
    assert found.start == datetime(2023, 10, 11, 15, 37, tzinfo=UTC)


def test_an_outage_without_periods_has_no_steps():
    """A withdrawn outage may come without available capacity: it is there, with an empty frame."""
    text = outage(status="A13")
    begin, end = text.index("<Available_Period>"), text.index("</TimeSeries>")
    found = one(text[:begin] + text[end:])
    assert found.outages[0].status == "withdrawn"
    assert len(found.frame) == 0
    assert found.frame.columns.tolist() == one(text).frame.columns.tolist()


def test_a_line_has_all_of_its_assets():
    """A transmission outage names each of its assets, and is about a border."""
    assets = "".join(
        "<Asset_RegisteredResource>"
        f"{element('mRID', f'11T{n}')}{element('name', f'Line {n}')}"
        f"{element('asset_PSRType.psrType', 'B21')}{element('location.name', 'Maas')}"
        "</Asset_RegisteredResource>"
        for n in (1, 2)
    )
    body = series(
        period({1: 700}, start=START, end=END, resolution="PT1M", name="Available_Period"),
        where=area("in_Domain", BE) + area("out_Domain", NL),
        business_type="A54",
        psr_type=None,
        head=dates() + assets,
    )
    found = one(document(body, family="Unavailability", document_type="A78", start=START, end=END))
    assert (found.zone.code, found.counter_zone.code) == ("BE", "NL")
    assert (found.outages[0].unit_name, found.outages[0].unit_eic) == (
        "Line 1, Line 2",
        "11T1, 11T2",
    )
    assert found.outages[0].location == "Maas"
    assert found.psr_types == ("B21",)


def test_feed_in_of_an_offshore_grid_is_a_measure_of_its_own():
    """WindPowerFeedin_Period is not available capacity, and does not replace it."""
    text = outage([(1, 40)])
    available = text[text.index("<Available_Period>") : text.index("</TimeSeries>")]
    feed_in = available.replace("Available_Period", "WindPowerFeedin_Period").replace(">40<", ">7<")
    frame = one(text.replace(available, available + feed_in)).frame
    assert dict(zip(frame["measure"], frame["value"], strict=True)) == {
        "quantity": 40,
        "wind_power_feedin": 7,
    }


def test_revisions_share_a_key_and_outages_do_not():
    """A new revision with another end has the same key; another mRID or zone has not."""
    key = one(outage()).key
    assert one(outage(revision=3, end="2024-04-05T08:00Z")).key == key
    assert one(outage(mrid="another")).key != key
    assert one(outage().replace(BE, NL)).key != key


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("268.0", "lots", "nominalP> is no decimal number"),
        ("268.0", "1e999", "nominalP> is no decimal number"),
        ("15:37:00Z", "25:37:00Z", "start_DateAndOrTime that is no time"),
        ("2024-03-05<", "5 March<", "end_DateAndOrTime that is no time"),
    ],
)
def test_malformed_outages_are_errors(old, new, says):
    """Nominal power, start and end are checked as values are."""
    with pytest.raises(DocumentError, match=says):
        read(outage().replace(old, new))


def test_names_are_one_inert_line():
    """Line breaks and bidirectional overrides in a unit's name become spaces."""
    text = outage(head=dates() + unit(name="A\n<b>\u202eB" + "x" * 500))
    name = one(text).outages[0].unit_name
    assert name.startswith("A <b> B")
    assert len(name) <= 200


def test_into_is_not_a_direction_of_outages():
    """Capacity that is left has no direction when the area is named without one."""
    assert one(outage()).frame["direction"].tolist() == [None]
    assert into(BE) not in outage()

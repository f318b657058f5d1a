"""notebooks/outage_alert.ipynb: what is lost and until when, by hand and on real documents."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import pytest
from lxml import etree

import cells
from documents import BE, area, document, element, period, series
from flows import document as market_documents
from flows.notebook import newsletter, run

START, END = "2024-01-10T08:00Z", "2024-01-10T11:00Z"  # Wednesday, 09:00 to 12:00 in Brussels
FIRST_TWO_HOURS, LAST_HOUR = (START, "2024-01-10T10:00Z"), ("2024-01-10T10:00Z", END)
REAL = Path(__file__).parents[2] / "shared" / "documents" / "jl_tut_outages_BE_2024.zip"
RESOURCE = "production_RegisteredResource.pSRType.powerSystemResources"


def available(values, between):
    """One stretch of available capacity in MW, by minute from 1."""
    start, end = between
    return period(
        values if hasattr(values, "items") else {1: values},
        start=start,
        end=end,
        resolution="PT1M",
        name="Available_Period",
    )


def unit(*stretches, name="PLANT 1", eic="22WPLANT------1A", nominal_mw=400, kind="A53"):
    """The series of one generation unit; without stretches 100 MW for two hours, then 250."""
    stretches = stretches or (available(100, FIRST_TWO_HOURS), available(250, LAST_HOUR))
    return series(
        *stretches,
        where=area("biddingZone_Domain", BE),
        business_type=kind,
        psr_type=None,
        head=element(f"{RESOURCE}.mRID", eic)
        + element(f"{RESOURCE}.name", name)
        + element("production_RegisteredResource.pSRType.psrType", "B04")
        + element(f"{RESOURCE}.nominalP", nominal_mw, ' unit="MAW"'),
    )


def outage(*units, status=None, reasons=(("B18", "Pump"),), start=START, end=END, **of_document):
    """An outage document; `status` is a docStatus code, `reasons` are (code, text)."""
    head = f"<docStatus>{element('value', status)}</docStatus>" if status else ""
    told = "".join(
        f"<Reason>{element('code', code)}{element('text', text)}</Reason>" for code, text in reasons
    )
    fields = {"document_type": "A80", "process_type": "A26", "start": start, "end": end}
    return document(
        *(units or (unit(),)), told, family="Unavailability", head=head, **(fields | of_document)
    )


def alert(event, **parameters):
    """What the notebook shows of `event`."""
    return cells.run("outage_alert", event_payload=event, **parameters)


def details(shown, column="Details"):
    """The table of facts as a dict."""
    return {row["Outage"]: row[column] for row in shown.tables["The outage"]}


def texts(shown):
    """The tiles as readers see them."""
    return {label: f"{kpi.text} {kpi.unit}".strip() for label, kpi in shown.kpis.items()}


def test_outage():
    """What is lost, until when and how much energy that is are those counted by hand."""
    shown = alert(outage())
    assert shown.headline.text == "NEW: PLANT 1 loses up to 300 MW until Wed 10 Jan 12:00"
    assert texts(shown) == {
        "Capacity lost": "300 MW",
        "Available": "100 MW",
        "Energy": "750.0 MWh",  # 2 h × 300 MW + 1 h × 150 MW
        "From": "10 Jan 09:00",
        "Until": "10 Jan 12:00",
        "Kind": "Planned",
    }
    assert details(shown) == {
        "Lost": "300 MW",
        "Available": "100 MW",
        "Nominal": "400 MW",
        "From": "Wed 10 Jan 2024, 09:00 CET",
        "Until": "Wed 10 Jan 2024, 12:00 CET",
        "Duration": "3 h",
        "Kind": "Planned",
        "Status": "Active",
        "Reason": "Pump (failure)",
        "Unit": "PLANT 1",
        "EIC": "22WPLANT------1A",
        "Type": "Gas",
        "Location": "n/a",
    }
    assert [(row["Available, MW"], row["Lost, MW"]) for row in shown.tables["Step by step"]] == [
        ("100.0", "300.0"), ("250.0", "150.0"),
    ]  # fmt: skip
    assert shown.notes == []


@pytest.mark.parametrize(
    ("revision", "status", "state"),
    [
        (1, None, "NEW: PLANT 1 loses"),
        (2, None, "UPDATED: PLANT 1 loses"),
        (3, "A05", "UPDATED: PLANT 1 loses"),
        (2, "A09", "CANCELLED: PLANT 1, outage of 300 MW until"),
        (1, "A13", "CANCELLED: PLANT 1, outage of 300 MW until"),
    ],
)
def test_state(revision, status, state):
    """The first revision is new, a later one an update, and a status calls the outage off."""
    shown = alert(outage(revision=revision, status=status))
    assert shown.headline.text.startswith(state)


@pytest.mark.parametrize(("kind", "word"), [("A53", "Planned"), ("A54", "Forced")])
def test_planned_or_forced(kind, word):
    """Planned maintenance and forced outages are told apart."""
    shown = alert(outage(unit(kind=kind)))
    assert texts(shown)["Kind"] == details(shown)["Kind"] == word
    assert shown.headline.lede.startswith(f"A {word.lower()} outage of PLANT 1 (Gas unit, Belgium)")


@pytest.mark.parametrize(
    ("reasons", "told", "in_short"),
    [
        ((("A95", "Overhaul."),), "Overhaul. (complementary information)", "Overhaul"),
        ((("B18", None), ("B19", None)), "Failure, Foreseen maintenance", None),
        ((("B99", None),), "code B99", None),
        ((("A95", "https://umm.example/#/1?a=b&c"),),
         "https://umm.example/#/1?a=b&c (complementary information)",
         "https://umm.example/#/1?a=b&c"),
        ((("B18", "x" * 500),), "x" * 500 + " (failure)", "x" * 239 + "…"),
        ((), "n/a", None),
    ],
)  # fmt: skip
def test_reason(reasons, told, in_short):
    """Known codes are told in words, others as they are, texts and addresses as plain text."""
    shown = alert(outage(reasons=reasons))
    assert details(shown)["Reason"] == told
    assert shown.headline.lede.endswith(f" Reason: {in_short or told}.")


SMALL = unit(available(301, (START, END)))  # 99 MW lost
JUST = unit(available(300, (START, END)))  # 100 MW lost
NOTHING = unit(available(400, (START, END)))
UNKNOWN = unit(available(0, (START, END)), nominal_mw=None)


@pytest.mark.parametrize(
    ("event", "previous", "published"),
    [
        (outage(SMALL), "", False),
        (outage(JUST), "", True),
        (outage(UNKNOWN), "", True),
        (outage(SMALL, revision=2), outage(JUST), True),
        (outage(SMALL, revision=2), outage(SMALL), False),
        (outage(SMALL, revision=2), outage(JUST, mrid="another"), False),
        (outage(SMALL, status="A09"), "", False),
        (outage(JUST, status="A09"), "", True),
        (outage(NOTHING, status="A09", revision=2), "", True),
        (outage(NOTHING, revision=2), "", False),
        (
            outage(unit(available(90, (START, END)), nominal_mw=90), status="A09"),
            "",
            False,
        ),
    ],
    ids=[
        "under", "at", "unknown", "was above", "was under", "another was above", "cancelled under",
        "cancelled at", "cancelled, a large unit is back", "nothing lost", "cancelled, a small one",
    ],
)  # fmt: skip
def test_threshold(event, previous, published):
    """An outage is passed over only if all that is known of it stays under 100 MW."""
    shown = alert(event, previous_payload=previous)
    assert (shown.skipped is None) is published
    assert published or shown.skipped.endswith("MW lost, under the threshold of 100 MW")
    assert published == bool(shown.figures)


def test_threshold_is_a_parameter():
    """The header's threshold is what the flow injects, and a desk may set its own."""
    letter = newsletter.load(cells.NOTEBOOKS / "outage_alert.ipynb")
    assert letter.parameters == {"threshold_mw": 100}
    assert alert(outage(), threshold_mw=301).skipped is not None
    assert alert(outage(SMALL), threshold_mw=99).skipped is None


def test_no_nominal_power():
    """Without a nominal power what is lost is n/a, and a note says so."""
    shown = alert(outage(UNKNOWN))
    assert shown.headline.text == "NEW: PLANT 1 is limited until Wed 10 Jan 12:00"
    assert texts(shown)["Capacity lost"] == texts(shown)["Energy"] == "n/a"
    assert shown.kpis["Capacity lost"].value is None
    assert details(shown)["Nominal"] == details(shown)["Lost"] == "n/a"
    assert details(shown)["Available"] == "0 MW"
    assert "no nominal power" in shown.notes[0]
    called_off = alert(outage(UNKNOWN, status="A09")).headline.text
    assert called_off == "CANCELLED: PLANT 1, outage of unknown size until Wed 10 Jan 12:00"


def test_changes():
    """An update says what differs from the revision before, and shows both side by side."""
    later = outage(
        unit(available(100, (START, "2024-01-10T13:00Z"))), revision=2, end="2024-01-10T13:00Z"
    )
    shown = alert(later, previous_payload=outage())
    assert shown.headline.lede.endswith("Changed since revision 1: until, duration.")
    assert details(shown, "Now")["Duration"] == "5 h"
    assert details(shown, "Revision 1")["Duration"] == "3 h"


@pytest.mark.parametrize("previous", [outage(mrid="another"), outage(revision=2)])
def test_no_comparison(previous):
    """Another outage, or the same revision again, is nothing to compare with."""
    shown = alert(outage(revision=2), previous_payload=previous)
    assert "Changed" not in shown.headline.lede
    assert set(shown.tables["The outage"][0]) == {"Outage", "Details"}


@pytest.mark.parametrize(
    ("start", "end", "duration", "until"),
    [
        ("2024-03-30T23:00Z", "2024-03-31T22:00Z", "23 h", "Mon 1 Apr 2024, 00:00 CEST"),
        ("2024-10-26T22:00Z", "2024-10-27T23:00Z", "1 day 1 h", "Mon 28 Oct 2024, 00:00 CET"),
        ("2023-12-30T23:00Z", "2024-01-01T00:30Z", "1 day 1 h", "Mon 1 Jan 2024, 01:30 CET"),
        ("2024-10-26T23:30Z", "2024-10-27T01:00Z", "1 h 30 min", "Sun 27 Oct 2024, 02:00 CET"),
    ],
    ids=["spring", "autumn", "new year", "second 02:00"],
)
def test_local_time(start, end, duration, until):
    """Times are the zone's, durations are real hours when its clocks change."""
    shown = alert(outage(unit(available(0, (start, end))), start=start, end=end))
    assert details(shown)["Duration"] == duration
    assert details(shown)["Until"] == until
    assert texts(shown)["Capacity lost"] == "400 MW"


def test_silence_between_periods():
    """Where the document states nothing the chart has a gap, neither 0 nor nominal."""
    shown = alert(
        outage(unit(available(100, (START, "2024-01-10T09:00Z")), available(250, LAST_HOUR)))
    )
    course = shown.variables["profile_mw"].tolist()
    assert course[:2] == [400, 100]  # before it, first hour
    assert math.isnan(course[2])
    assert course[3:] == [250, 400, 400]
    assert texts(shown)["Energy"] == "450.0 MWh"


def test_value_left_out():
    """A step without a value is n/a and noted; the others still count."""
    shown = alert(outage(unit(available(100, FIRST_TWO_HOURS), available(None, LAST_HOUR))))
    assert [row["Lost, MW"] for row in shown.tables["Step by step"]] == ["300.0", "n/a"]
    assert texts(shown)["Capacity lost"] == "300 MW"
    assert any("leaves the available power open" in note for note in shown.notes)
    nothing = alert(outage(unit(available(None, (START, END)))))
    assert texts(nothing)["Capacity lost"] == texts(nothing)["Available"] == "n/a"


def test_more_than_nominal():
    """A unit that can give more than its nominal power has lost nothing, not less than nothing."""
    more = unit(available(100, FIRST_TWO_HOURS), available(450, LAST_HOUR))
    shown = alert(outage(more))
    assert [row["Lost, MW"] for row in shown.tables["Step by step"]] == ["300.0", "0.0"]
    assert texts(shown)["Energy"] == "600.0 MWh"


def test_several_units():
    """Steps of another unit in the same document never mix with those that are shown."""
    other = unit(available(0, (START, END)), name="PLANT 2", eic="22WPLANT------2B", nominal_mw=900)
    shown = alert(outage(unit(), other))
    assert texts(shown)["Capacity lost"] == "300 MW"
    assert any("PLANT 2" in note for note in shown.notes)


@pytest.mark.parametrize(
    "name",
    ["X" * 300, "{title} {0} %s", "<script>alert(1)</script>", "a\r\nBcc: x@example.org\u202e", ""],
    ids=["long", "template", "markup", "header", "none"],
)
def test_hostile_name(name):
    """Whatever a unit is called, the headline is one line that fits and says what happens."""
    text = alert(outage(unit(name=name), revision=2)).headline.text
    assert text.startswith("UPDATED: ")
    assert text.endswith(" loses up to 300 MW until Wed 10 Jan 12:00")
    assert len(text) <= 80
    assert text.isprintable()


def test_many_steps():
    """An outage in many steps lists the first of them and says how many there are."""
    steps = {minute: minute % 7 for minute in range(1, 121)}
    shown = alert(outage(unit(available(steps, FIRST_TWO_HOURS))))
    assert len(shown.tables["Step by step"]) == 40
    captions = [part.caption for part in shown.parts if part.part == "table"]
    assert captions[1] == "Step by step, the first 40 of 120"


def real_outages():
    """The real outage documents by number; none where they are not at hand."""
    if not REAL.is_file():
        return {}
    with zipfile.ZipFile(REAL) as archive:
        return {name[:3]: archive.read(name).decode() for name in sorted(archive.namelist())}


@pytest.mark.parametrize(("number", "text"), real_outages().items(), ids=real_outages())
def test_real_documents(number, text):
    """Each real outage is published with its state and loss as its XML has them, or is small."""
    root = etree.fromstring(text.encode())
    (lowest,) = [float(item.text) for item in root.iterfind(".//{*}quantity")]
    (nominal,) = [float(item.text) for item in root.iter() if str(item.tag).endswith("nominalP")]
    state = "NEW" if root.findtext("{*}revisionNumber") == "1" else "UPDATED"
    if root.findtext("{*}docStatus/{*}value") == "A09":
        state = "CANCELLED"

    shown = alert(text)
    if nominal - lowest < 100:
        assert shown.skipped is not None
        shown = alert(text, threshold_mw=0)
    lost = shown.kpis["Loss called off" if state == "CANCELLED" else "Capacity lost"]
    assert shown.headline.text.startswith(f"{state}: ")
    assert lost.value == pytest.approx(nominal - lowest)
    assert len(shown.figures) == 1


def test_listens_to_plants_only():
    """It listens to outages of production and generation units, not to lines or consumption."""
    letter = newsletter.load(cells.NOTEBOOKS / "outage_alert.ipynb")
    heard = {
        kind
        for kind in ("A76", "A77", "A78", "A79", "A80")
        for only in market_documents.read(outage(document_type=kind))
        if letter.listens_to(only)
    }
    assert heard == {"A77", "A80"}


def test_runs_in_a_kernel():
    """The sample's update runs as the flow runs it: in a kernel, through papermill."""
    letter = newsletter.load(cells.NOTEBOOKS / "outage_alert.ipynb")
    update = (cells.SAMPLES / "outage_alert_BE_update.xml").read_text(encoding="utf-8")
    parameters = {
        "event_payload": update,
        "previous_payload": letter.sample.read_text(encoding="utf-8"),
    }
    executed = run.run(
        letter,
        parameters,
        limits=run.Limits(deadline_seconds=120, memory_mb=2_000, output_mb=20),
    )
    assert executed.skip_reason is None
    assert cells.run("outage_alert", **parameters).headline.text in str(executed.notebook)

"""notebooks/generation_mix.ipynb: figures worked out by hand on small documents and real ones."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import pytest
from lxml import etree

import cells
from documents import DE_LU, document, into, out_of, period, series
from flows import document as market_documents
from flows.document import PRODUCTION_TYPES
from flows.notebook import newsletter, run

FOUR_HOURS = ("2024-06-14T22:00Z", "2024-06-15T02:00Z")
REAL = Path(__file__).parents[2] / "shared" / "documents"
GAS, SOLAR, PUMPED, NUCLEAR, WASTE = "B04", "B16", "B10", "B14", "B17"


def generation(psr_type, values, *, out=False, between=FOUR_HOURS, resolution="PT60M"):
    """The series of one type: values in MW from position 1 on, or by position with holes."""
    start, end = between
    return series(
        period(values, start=start, end=end, resolution=resolution),
        where=out_of(DE_LU) if out else into(DE_LU),
        business_type="A01",
        psr_type=psr_type,
        curve="A01",
    )


def mix(*content, between=FOUR_HOURS, **of_document):
    """A document of actual generation by type."""
    start, end = between
    return document(
        *content, document_type="A75", process_type="A16", start=start, end=end, **of_document
    )


SUNNY = generation(SOLAR, [0, 100, 300, 200])
GASSY = generation(GAS, [400, 400, 400, 400])
DISCHARGE = generation(PUMPED, [100, 100], between=("2024-06-14T22:00Z", "2024-06-15T00:00Z"))
CHARGE = generation(
    PUMPED, [200, 100], out=True, between=("2024-06-15T00:00Z", "2024-06-15T02:00Z")
)


def by_type(shown):
    """The table's rows by the name of the type."""
    return {row.pop("Type"): row for row in (dict(row) for row in shown.tables["By type"])}


def texts(shown):
    """The tiles as readers see them."""
    return {label: f"{kpi.text} {kpi.unit}".strip() for label, kpi in shown.kpis.items()}


def test_mix():
    """Energy, shares, peaks and storage are those counted by hand."""
    shown = cells.run("generation_mix", event_payload=mix(SUNNY, GASSY, DISCHARGE, CHARGE))
    # MWh: solar 600, gas 1600, pumped storage 200, so 2400 in all; 300 drawn to pump.
    assert texts(shown) == {
        "Generation": "2.4 GWh",
        "Renewable": "25.0 %",
        "Fossil": "66.7 %",
        "Largest: Gas": "66.7 %",
        "Peak of generation": "0.7 GW",
        "Into storage": "0.3 GWh",
    }
    assert shown.kpis["Peak of generation"].note == "02:00"
    assert shown.headline.text == "25 % renewable, most power from gas"
    assert by_type(shown) == {
        "Gas": {"Energy, GWh": "1.60", "Share, %": "66.7", "Peak, MW": "400", "at": "00:00",
                "Drawn, GWh": "n/a"},
        "Solar": {"Energy, GWh": "0.60", "Share, %": "25.0", "Peak, MW": "300", "at": "02:00",
                  "Drawn, GWh": "n/a"},
        "Pumped storage": {"Energy, GWh": "0.20", "Share, %": "8.3", "Peak, MW": "100",
                           "at": "00:00", "Drawn, GWh": "0.30"},
        "All": {"Energy, GWh": "2.40", "Share, %": "100.0", "Peak, MW": "700", "at": "02:00",
                "Drawn, GWh": "0.30"},
    }  # fmt: skip
    assert list(by_type(shown)) == ["Gas", "Solar", "Pumped storage", "All"]
    assert shown.notes == [
        "Renewable here: solar. Pumped storage, energy storage and waste are not."
    ]


def test_storage_is_netted():
    """A storage that charges generates nothing then; one silent in both directions is unknown."""
    silent = mix(
        GASSY,
        generation(PUMPED, [100], between=("2024-06-14T22:00Z", "2024-06-14T23:00Z")),
        CHARGE,
    )
    shown = cells.run("generation_mix", event_payload=silent)
    assert shown.variables["generated"][PUMPED].fillna(-1).tolist() == [100, -1, 0, 0]
    assert shown.variables["consumed"][PUMPED].fillna(-1).tolist() == [0, -1, 200, 100]
    assert any(note.startswith("Pumped storage: no value for") for note in shown.notes)


def test_storage_below_zero():
    """What storage draws stands below zero in the chart, under the same colour once in the key."""
    shown = cells.run("generation_mix", event_payload=mix(SUNNY, GASSY, DISCHARGE, CHARGE))
    patches = [p for p in shown.variables["top"].patches if p.get_label() == "Storage"]
    above, below = (patch.get_data().values.tolist() for patch in patches)
    assert below == [0, 0, -0.2, -0.1]
    assert min(above) >= 0
    assert shown.variables["order"] == ["Solar", "Storage", "Gas"]


def test_own_use():
    """What other stations draw is their own use; hours without it are n/a there, never 0."""
    drawn = generation(GAS, {1: 40, 2: 60}, out=True)
    shown = cells.run("generation_mix", event_payload=mix(SUNNY, GASSY, drawn))
    assert by_type(shown)["Gas"]["Drawn, GWh"] == "0.10"
    assert shown.variables["drawn"]["Own use"].fillna(-1).tolist() == [0.04, 0.06, -1, -1]
    assert "Into storage" not in shown.kpis


def test_hole():
    """Where a type is missing the stack ends below it, and shares leave that time out."""
    holed = generation(SOLAR, {1: 0, 2: 100, 4: 200})
    shown = cells.run("generation_mix", event_payload=mix(holed, GASSY, DISCHARGE, CHARGE))
    # Without the third hour: solar 300 of 500 + 600 + 600 MWh.
    assert texts(shown)["Renewable"] == "17.6 %"
    assert shown.kpis["Peak of generation"].note == "01:00"
    assert by_type(shown)["Solar"]["Energy, GWh"] == "0.30"
    assert any(note.startswith("Solar: no value for") for note in shown.notes)
    data = {
        patch.get_label(): patch.get_data().values
        for patch in shown.variables["top"].patches
        if patch.get_label() != "Storage"
    }
    assert [math.isnan(value) for value in data["Solar"]] == [False, False, True, False]
    assert not any(math.isnan(value) for value in data["Gas"])
    assert [math.isnan(value) for value in data["Missing"]] == [True, True, False, True]
    share = shown.variables["bottom"].patches[0].get_data().values
    assert [math.isnan(value) for value in share] == [False, False, True, False]


def test_type_without_values():
    """A type without a single value is n/a in the table, not 0, and spoils no other figure."""
    shown = cells.run(
        "generation_mix", event_payload=mix(SUNNY, GASSY, generation(WASTE, {1: None}))
    )
    assert by_type(shown)["Waste"] == {
        "Energy, GWh": "n/a", "Share, %": "n/a", "Peak, MW": "n/a", "at": "n/a",
    }  # fmt: skip
    assert texts(shown)["Generation"] == "2.2 GWh"
    assert texts(shown)["Renewable"] == "27.3 %"
    assert any(note.startswith("Waste: no value for") for note in shown.notes)


def test_no_renewable_type():
    """Without a renewable type the share is n/a, not 0, and a note says why."""
    shown = cells.run("generation_mix", event_payload=mix(GASSY, generation(NUCLEAR, [50] * 4)))
    assert texts(shown)["Renewable"] == "n/a"
    assert shown.headline.text == "Most power from gas"
    assert shown.notes == ["The document has no renewable type, so the renewable share is n/a."]


def test_no_value_at_all():
    """A document without a single value makes no issue."""
    shown = cells.run("generation_mix", event_payload=mix(generation(SOLAR, {1: None})))
    assert shown.skipped == "the document has no value for any production type"


def test_only_consumption():
    """A document of consumption alone says nothing of the mix and makes no issue."""
    shown = cells.run("generation_mix", event_payload=mix(CHARGE))
    assert shown.skipped == "the document has no value for any production type"


def test_two_resolutions():
    """An hourly type beside one in quarters counts for all four of them."""
    hour = ("2024-06-14T22:00Z", "2024-06-14T23:00Z")
    quarters = generation(SOLAR, [0, 100, 200, 300], between=hour, resolution="PT15M")
    shown = cells.run(
        "generation_mix",
        event_payload=mix(quarters, generation(GAS, [450], between=hour), between=hour),
    )
    assert texts(shown)["Generation"] == "0.6 GWh"  # 150 + 450 MWh
    assert texts(shown)["Renewable"] == "25.0 %"
    assert texts(shown)["Peak of generation"] == "0.8 GW"  # 300 + 450 MW at 00:45


@pytest.mark.parametrize(
    ("between", "hours", "at"),
    [
        (("2024-03-30T23:00Z", "2024-03-31T22:00Z"), 23, "03:00"),
        (("2024-10-26T22:00Z", "2024-10-27T23:00Z"), 25, "02:00 CEST"),
    ],
    ids=["spring", "autumn"],
)
def test_days_when_clocks_change(between, hours, at):
    """A day of 23 or 25 hours counts as many, and its third hour has its own name."""
    values = [100] * hours
    values[2] = 900
    shown = cells.run(
        "generation_mix",
        event_payload=mix(generation(SOLAR, values, between=between), between=between),
    )
    assert texts(shown)["Generation"] == f"{(hours + 8) / 10:.1f} GWh"
    assert by_type(shown)["Solar"]["at"] == at


def test_single_value():
    """One value alone is the whole mix."""
    hour = ("2024-06-14T22:00Z", "2024-06-14T23:00Z")
    shown = cells.run(
        "generation_mix", event_payload=mix(generation(SOLAR, [500], between=hour), between=hour)
    )
    assert texts(shown)["Renewable"] == "100.0 %"
    assert texts(shown)["Generation"] == "0.5 GWh"


def test_every_type_at_once():
    """With every type of the code list the headline fits, and each type has its row."""
    types = sorted(code for code in PRODUCTION_TYPES if code.startswith("B") and code <= "B20")
    content = [generation(code, [number] * 4) for number, code in enumerate([*types, "B25"], 1)]
    shown = cells.run("generation_mix", event_payload=mix(*content))
    assert len(by_type(shown)) == 22
    assert len(shown.headline.text) <= 80
    assert shown.variables["fed_in"].sum(axis=None) == pytest.approx(4 * sum(range(1, 22)) / 1000)


REAL_DOCUMENTS = [
    "jl_tut_renewables_DE_LU_2024_06_15.xml",
    "jl_tut_renewables_NL_2024_06_15.xml",
    "jl_tut_renewables_IT_NORTH_2024_06_15.xml",
    "jl_generation_161bc_actual_per_psr_NL.xml",
]
HOURS = {"PT15M": 0.25, "PT60M": 1}


def energy_mwh(text):
    """The energy of each (direction, type) of a document, its A03 curves held to their ends."""
    energy = defaultdict(float)
    for one in etree.fromstring(text.encode()).iterfind("{*}TimeSeries"):
        way = "out" if one.find("{*}outBiddingZone_Domain.mRID") is not None else "in"
        for part in one.iterfind("{*}Period"):
            start, end = (
                part.findtext(f"{{*}}timeInterval/{{*}}{edge}") for edge in ("start", "end")
            )
            length = HOURS[part.findtext("{*}resolution")]
            # All within two days: hours between, from day and hour of the moments.
            between = (int(end[8:10]) - int(start[8:10])) * 24 + int(end[11:13]) - int(start[11:13])
            points = [(int(p.findtext("{*}position")), float(p.findtext("{*}quantity")))
                      for p in part.iterfind("{*}Point")]  # fmt: skip
            after = [position for position, _ in points[1:]] + [round(between / length) + 1]
            for (position, value), until in zip(points, after, strict=True):
                energy[way, one.findtext(".//{*}psrType")] += value * (until - position) * length
    return energy


@pytest.mark.parametrize("name", REAL_DOCUMENTS)
@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not at hand")
def test_real_documents(name):
    """On real documents every type's energy, fed in and drawn, equals an expansion by loops."""
    text = (REAL / name).read_text(encoding="utf-8")
    shown = cells.run("generation_mix", event_payload=text)
    expected = energy_mwh(text)
    assert {
        **{("in", code): 1000 * gwh for code, gwh in shown.variables["energy_gwh"].items()},
        **{("out", code): 1000 * gwh for code, gwh in shown.variables["consumed_gwh"].items()},
    } == pytest.approx(expected)
    fed_in = {code: mwh for (way, code), mwh in expected.items() if way == "in"}
    renewable = sum(fed_in.get(code, 0) for code in shown.variables["RENEWABLE"])
    assert shown.kpis["Renewable"].value == pytest.approx(100 * renewable / sum(fed_in.values()))
    assert not any("no value for" in note for note in shown.notes)


def test_listens_to_actual_generation():
    """It listens to actual generation by type and to nothing else."""
    letter = newsletter.load(cells.NOTEBOOKS / "generation_mix.ipynb")
    (actual,) = market_documents.read(mix(SUNNY))
    (forecast,) = market_documents.read(document(SUNNY))
    assert letter.listens_to(actual)
    assert not letter.listens_to(forecast)


def test_runs_in_a_kernel():
    """The sample runs as the flow runs it: in a kernel, through papermill."""
    letter = newsletter.load(cells.NOTEBOOKS / "generation_mix.ipynb")
    payload = letter.sample.read_text(encoding="utf-8")
    executed = run.run(
        letter,
        {"event_payload": payload},
        limits=run.Limits(deadline_seconds=120, memory_mb=2_000, output_mb=20),
    )
    assert executed.skip_reason is None
    assert cells.run("generation_mix").headline.text in str(executed.notebook)

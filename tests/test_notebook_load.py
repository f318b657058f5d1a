"""notebooks/load.ipynb: figures worked out by hand on small documents, and on real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

import cells
from documents import DE_LU, document, out_of, period, series
from flows import document as market_documents
from flows.notebook import newsletter, run

DAY = ("2024-06-14T22:00Z", "2024-06-15T22:00Z")  # Saturday 15 June in Berlin
FOUR_HOURS = ("2024-06-14T22:00Z", "2024-06-15T02:00Z")
GERMANY_LUXEMBOURG_AMPRION = "10Y1001C--00002H"
REAL = Path(__file__).parents[2] / "shared" / "documents"


def load(
    values,
    *,
    process_type="A16",
    resolution="PT60M",
    between=FOUR_HOURS,
    curve="A01",
    zone=DE_LU,
    **of_document,
):
    """A load document: values in MW from position 1 on, or by position with holes."""
    start, end = between
    body = period(values, start=start, end=end, resolution=resolution)
    one = series(body, where=out_of(zone), business_type="A04", psr_type=None, curve=curve)
    return document(
        one, document_type="A65", process_type=process_type, start=start, end=end, **of_document
    )


def texts(shown):
    """The tiles as readers see them."""
    return {label: f"{kpi.text} {kpi.unit}".strip() for label, kpi in shown.kpis.items()}


def test_forecast():
    """Peak, minimum, energy and ramps of a day-ahead forecast are those counted by hand."""
    shown = cells.run("load", event_payload=load([1000, 2000, 4000, 3000], process_type="A01"))
    assert shown.headline.text == "Load to peak at 4.0 GW, Sat 15 Jun 02:00"
    assert texts(shown) == {
        "Peak": "4.0 GW",
        "Minimum": "1.0 GW",
        "Energy": "10.0 GWh",
        "Steepest rise": "2.0 GW in 1 h",
        "Steepest fall": "−1.0 GW in 1 h",
    }
    assert shown.kpis["Peak"].note == "02:00"
    assert shown.kpis["Steepest rise"].note == "01:00–02:00"
    assert [row["Load, MW"] for row in shown.tables["Hourly means"]] == [
        "1\u202f000", "2\u202f000", "4\u202f000", "3\u202f000",
    ]  # fmt: skip


def test_forecast_error():
    """The error is forecast − actual, over the hours where both are known and no others."""
    shown = cells.run(
        "load",
        event_payload=load({1: 1000, 2: 2000, 3: 4000}),
        forecast_payload=load([1100, 1800, 4000, 3000], process_type="A01"),
    )
    assert texts(shown)["Forecast error (MAPE)"] == "6.7 %"  # (10 % + 10 % + 0 %) / 3
    assert texts(shown)["Bias"] == "−33 MW"  # (100 − 200 + 0) / 3
    assert shown.kpis["Forecast error (MAPE)"].note == "worst hour 01:00"
    assert shown.headline.text.endswith("Load peaked at 4.0 GW, forecast 6.7 % off")
    assert "33 MW too low on average" in shown.headline.lede
    rows = shown.tables["Hourly means"]
    assert [row["Error, MW"] for row in rows] == ["100", "−200", "0", "n/a"]
    assert [row["Error, %"] for row in rows] == ["10.0", "−10.0", "0.0", "n/a"]
    assert [row["Load, MW"] for row in rows][3] == "n/a"
    assert any("leaves out 1 hour in which" in note for note in shown.notes)
    assert any(note.startswith("Load: no value for") for note in shown.notes)


def test_forecast_in_hours_for_quarters():
    """An hourly forecast is held against the hourly means of the quarters, not against samples."""
    hour = ("2024-06-14T22:00Z", "2024-06-14T23:00Z")
    shown = cells.run(
        "load",
        event_payload=load([1000, 1200, 1400, 1600], resolution="PT15M", between=hour),
        forecast_payload=load([1430], process_type="A01", between=hour),
    )
    assert texts(shown)["Forecast error (MAPE)"] == "10.0 %"
    assert texts(shown)["Bias"] == "130 MW"
    assert texts(shown)["Peak"] == "1.6 GW"


@pytest.mark.parametrize(
    "forecast",
    ["", load([1] * 24, process_type="A01", between=("2024-06-15T22:00Z", "2024-06-16T22:00Z"))],
    ids=["none", "of another day"],
)
def test_no_forecast(forecast):
    """Without a forecast for these hours its error is n/a, and a note says so."""
    shown = cells.run(
        "load", event_payload=load([1000, 2000, 4000, 3000]), forecast_payload=forecast
    )
    assert texts(shown)["Forecast error (MAPE)"] == texts(shown)["Bias"] == "n/a"
    assert shown.kpis["Bias"].value is None
    assert "There is no day-ahead forecast for these hours" in shown.notes[0]
    assert set(shown.tables["Hourly means"][0]) == {"Hour", "Load, MW"}


@pytest.mark.parametrize(
    ("between", "hours", "second"),
    [
        (("2024-03-30T23:00Z", "2024-03-31T22:00Z"), 23, ["00:00", "01:00", "03:00"]),
        (("2024-10-26T22:00Z", "2024-10-27T23:00Z"), 25, ["01:00", "02:00 CEST", "02:00 CET"]),
    ],
    ids=["spring", "autumn"],
)
def test_days_when_clocks_change(between, hours, second):
    """A day of 23 or 25 hours has as many rows, and its energy is that of as many hours."""
    quarters = [1000] * (4 * hours)
    shown = cells.run("load", event_payload=load(quarters, resolution="PT15M", between=between))
    rows = [row["Hour"] for row in shown.tables["Hourly means"]]
    assert len(rows) == hours
    assert rows[rows.index(second[0]) :][:3] == second
    assert texts(shown)["Energy"] == f"{hours}.0 GWh"


def test_gap():
    """An hour that lacks a quarter is n/a in the table and a gap in the chart, never 0."""
    quarters = {position: 1000 for position in range(1, 17) if position != 6}
    shown = cells.run("load", event_payload=load(quarters, resolution="PT15M"))
    assert [row["Load, MW"] for row in shown.tables["Hourly means"]] == [
        "1\u202f000", "n/a", "1\u202f000", "1\u202f000",
    ]  # fmt: skip
    assert texts(shown)["Minimum"] == "1.0 GW"
    assert texts(shown)["Energy"] == "3.8 GWh"  # 15 quarters
    assert any(note.startswith("Load: no value for") for note in shown.notes)
    line = shown.variables["top"].lines[0].get_ydata()
    assert len(line) == 16
    assert [bool(value != value) for value in line].index(True) == 5  # noqa: PLR0124 - NaN


def test_no_value_at_all():
    """A document without a single value makes no issue."""
    empty = load({1: None})
    assert cells.run("load", event_payload=empty).skipped == "the document has no value"


def test_single_value():
    """One value alone is peak and minimum; there is no ramp, so ramps are n/a."""
    hour = ("2024-06-14T22:00Z", "2024-06-14T23:00Z")
    shown = cells.run("load", event_payload=load([700], process_type="A01", between=hour))
    assert texts(shown) == {
        "Peak": "700 MW",
        "Minimum": "700 MW",
        "Energy": "0.7 GWh",
        "Steepest rise": "n/a",
        "Steepest fall": "n/a",
    }


@pytest.mark.parametrize(
    ("previous", "note"),
    [
        (load([1000, 1000, 1000, 1000]), "+10.0 % on the version before"),
        (
            load([1000] * 4, between=("2024-06-13T22:00Z", "2024-06-14T02:00Z")),
            "+10.0 % on Fri 14 Jun",
        ),
        (load([1000] * 4, process_type="A01"), ""),
        (load([1000] * 3, between=("2024-06-14T22:00Z", "2024-06-15T01:00Z")), ""),
        (load({1: 1000, 2: 1000}), ""),
    ],
    ids=["revised", "another day", "another stage", "another length", "with a gap"],
)
def test_against_the_issue_before(previous, note):
    """Energy is compared with an issue of the same stage and length that lacks nothing."""
    shown = cells.run("load", event_payload=load([1100] * 4), previous_payload=previous)
    assert shown.kpis["Energy"].note == note


def test_several_days():
    """A document of more than two days has a row for each day, with that day's own figures."""
    between = ("2024-06-14T22:00Z", "2024-06-17T22:00Z")
    actual = [1000] * 24 + [2000] * 23 + [2500] + [4000] * 24
    forecast = [1100] * 24 + [2000] * 23 + [2500] + [3000] * 24
    shown = cells.run(
        "load",
        event_payload=load(actual, between=between),
        forecast_payload=load(forecast, between=between, process_type="A01"),
    )
    assert shown.tables["Day by day"] == [
        {"Day": "Sat 15 Jun", "Peak, MW": "1\u202f000", "at": "00:00", "Minimum, MW": "1\u202f000",
         "Energy, GWh": "24.0", "MAPE, %": "10.0"},
        {"Day": "Sun 16 Jun", "Peak, MW": "2\u202f500", "at": "23:00", "Minimum, MW": "2\u202f000",
         "Energy, GWh": "48.5", "MAPE, %": "0.0"},
        {"Day": "Mon 17 Jun", "Peak, MW": "4\u202f000", "at": "00:00", "Minimum, MW": "4\u202f000",
         "Energy, GWh": "96.0", "MAPE, %": "25.0"},
    ]  # fmt: skip


def test_provisional():
    """An intermediate document is called provisional."""
    status = "<docStatus><value>A01</value></docStatus>"
    shown = cells.run("load", event_payload=load([1000] * 4, head=status))
    assert shown.notes[0].startswith("Provisional")


@pytest.mark.parametrize("forecast_mw", [1, 10**12])
def test_headline_fits(forecast_mw):
    """However far off the forecast was, the headline stays within a subject's length."""
    shown = cells.run(
        "load",
        event_payload=load([68_000] * 4),
        forecast_payload=load([forecast_mw] * 4, process_type="A01"),
    )
    assert shown.headline.text.startswith("Load peaked at 68.0 GW, forecast ")
    assert len(shown.headline.text) <= 80


@pytest.mark.parametrize(
    ("actual", "forecast"),
    [
        ("jl_tut_load_actual_BE_week.xml", "jl_tut_load_forecast_BE_week.xml"),
        ("jl_load_61a_actual_total_load_NL.xml", "jl_load_61b_day_ahead_forecast_NL.xml"),
    ],
)
@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not at hand")
def test_real_documents(actual, forecast):
    """On real documents peak, energy, MAPE and bias equal an independent count over the XML."""
    payloads = [(REAL / name).read_text(encoding="utf-8") for name in (actual, forecast)]
    shown = cells.run("load", event_payload=payloads[0], forecast_payload=payloads[1])
    drawn, expected = (
        [float(q.text) for q in etree.fromstring(text.encode()).iterfind(".//{*}quantity")]
        for text in payloads
    )
    errors = [f - a for f, a in zip(expected, drawn, strict=True)]
    assert shown.kpis["Peak"].value == pytest.approx(max(drawn) / 1000)
    assert shown.kpis["Energy"].value == pytest.approx(sum(drawn) / 4000)
    assert shown.kpis["Bias"].value == pytest.approx(sum(errors) / len(errors))
    mape = sum(abs(e) / a for e, a in zip(errors, drawn, strict=True)) / len(errors)
    assert shown.kpis["Forecast error (MAPE)"].value == pytest.approx(100 * mape)


def test_listens_to_courses_only():
    """It listens to day-ahead and realised load, not to the minima and maxima of later horizons."""
    letter = newsletter.load(cells.NOTEBOOKS / "load.ipynb")
    heard = {
        process
        for process in ("A01", "A16", "A31", "A32", "A33")
        for only in market_documents.read(load([1000] * 4, process_type=process))
        if letter.listens_to(only)
    }
    assert heard == {"A01", "A16"}


def test_runs_in_a_kernel():
    """The sample and its forecast run as the flow runs them: in a kernel, through papermill."""
    letter = newsletter.load(cells.NOTEBOOKS / "load.ipynb")
    payload, forecast = (
        (cells.SAMPLES / f"load_DE_LU_{stage}.xml").read_text(encoding="utf-8")
        for stage in ("actual", "forecast")
    )
    executed = run.run(
        letter,
        {"event_payload": payload, "forecast_payload": forecast},
        limits=run.Limits(deadline_seconds=120, memory_mb=2_000, output_mb=20),
    )
    here = cells.run("load", event_payload=payload, forecast_payload=forecast)
    assert executed.skip_reason is None
    assert here.headline.text in str(executed.notebook)

"""The wind and solar newsletter says what the forecast says, worked out by hand here."""

from __future__ import annotations

from pathlib import Path

import pytest

import cells
import documents
from flows import desk
from flows.notebook import newsletter
from flows.notebook.run import Limits, run

SHARED = Path(__file__).parents[2] / "shared" / "documents"
REAL = [*SHARED.glob("*wind_and_solar.xml"), *SHARED.glob("*solar_forecast*.xml")]  # maybe none
THIN, MINUS = "\u202f", "\u2212"
DAY = [0.0] * 12 + [1000.0, 3000.0] + [0.0] * 10  # solar by hour: 4 GWh, its peak at 13:00
AUTUMN = {"start": "2026-10-24T22:00Z", "end": "2026-10-25T23:00Z"}
SPRING = {"start": "2026-03-28T23:00Z", "end": "2026-03-29T22:00Z"}


def forecast(solar=None, onshore=None, *, resolution="PT60M", curve="A03", **fields):
    """A forecast with these values of solar and wind onshore, by hour unless said otherwise."""
    when = {name: fields[name] for name in ("start", "end") if name in fields}
    series = [
        documents.series(values, psr_type=code, resolution=resolution, curve=curve, **when)
        for code, values in (("B16", solar), ("B19", onshore))
        if values is not None
    ]
    return documents.document(*series, **fields)


def by_type(shown):
    return {row["Type"]: row for row in shown.tables["By type"]}


def test_energy_peak_and_headline_are_those_of_the_forecast():
    """Energy is mean times length, the peak has its clock time, and both make the headline."""
    shown = cells.run("wind_solar", event_payload=forecast(DAY, [500.0] * 24))
    assert shown.headline.text == "Solar peaks at 3.0 GW at 13:00, wind brings 12.0 GWh"
    assert shown.headline.lede == (
        "16.0 GWh in the day-ahead forecast. "
        "Output rises fastest 12:00–13:00, by 2.0 GW. Output falls fastest 13:00–14:00, by 3.0 GW."
    )
    assert (shown.kpis["Solar"].value, shown.kpis["Solar"].unit) == (4.0, "GWh")
    assert shown.kpis["Solar"].note == "peak 3.0 GW at 13:00"
    assert shown.kpis["Steepest rise"].value == 2.0
    assert shown.kpis["Steepest fall"].value == -3.0
    row = by_type(shown)["Solar"]
    assert (row["Energy, GWh"], row["Peak, MW"]) == ("4.0", f"3{THIN}000")
    assert row["Peak at"] == "13:00"


def test_an_hour_is_the_mean_of_its_quarters():
    """Quarters of 100, 200, 300 and 400 MW make an hour of 250 MW, and 0.25 GWh."""
    quarters = [0] * 48 + [100, 200, 300, 400] + [0] * 44
    shown = cells.run("wind_solar", event_payload=forecast(quarters, resolution="PT15M"))
    rows = shown.tables["Hourly means in MW"]
    assert len(rows) == 24
    assert rows[12] == {"Hour": "12:00", "Solar": "250", "Total": "250"}
    assert by_type(shown)["Solar"]["Energy, GWh"] == "0.2"  # 0.25, to even
    assert shown.kpis["Solar"].value == 0.25


def test_capacity_factor_is_shown_only_where_the_capacity_is_known():
    """Mean output over installed capacity: 4 GWh in 24 h of 10 GW is 1.7 %; else n/a and a note."""
    payload = forecast(DAY, [500.0] * 24)
    shown = cells.run("wind_solar", event_payload=payload, installed_capacity={"B16": 10_000})
    assert by_type(shown)["Solar"]["Capacity factor, %"] == "1.7"
    assert by_type(shown)["Wind onshore"]["Capacity factor, %"] == "n/a"
    assert shown.notes == ["Installed capacity unknown, so no capacity factor: Wind onshore."]
    unknown = cells.run("wind_solar", event_payload=payload)
    assert "Capacity factor, %" not in by_type(unknown)["Solar"]
    both = {"B16": 10_000, "B19": 1_000}
    known = cells.run("wind_solar", event_payload=payload, installed_capacity=both)
    assert by_type(known)["Wind onshore"]["Capacity factor, %"] == "50.0"
    assert known.notes == []


def test_a_capacity_of_zero_gives_no_capacity_factor():
    """Zero installed MW is no ground for a percentage."""
    payload = forecast(DAY)
    shown = cells.run("wind_solar", event_payload=payload, installed_capacity={"B16": 0.0})
    assert "Capacity factor, %" not in by_type(shown)["Solar"]


def test_a_forecast_of_the_same_hours_is_compared_hour_by_hour():
    """The change is now less before: by hour and in all; two panels instead of one show it."""
    before = forecast([value + 100 for value in DAY], [400.0] * 24)
    after = forecast(DAY, [500.0] * 24, process_type="A40", revision=2)
    shown = cells.run("wind_solar", event_payload=after, previous_payload=before)
    assert by_type(shown)["Solar"]["Change, GWh"] == f"{MINUS}2.4"
    assert by_type(shown)["Wind onshore"]["Change, GWh"] == "+2.4"
    assert {row["Change"] for row in shown.tables["Hourly means in MW"]} == {"0"}
    assert "as much as in the day-ahead forecast of Fri 14 Jun 18:00." in shown.headline.lede
    alone = cells.run("wind_solar", event_payload=after)
    assert shown.figures[0].height_px > alone.figures[0].height_px
    assert "Change" not in alone.tables["Hourly means in MW"][0]


def test_a_forecast_of_some_of_the_hours_is_compared_where_both_have_values():
    """Hours that only one of the two covers have no change, and the lede says so."""
    before = forecast(DAY[12:], start="2024-06-15T10:00Z")
    shown = cells.run("wind_solar", event_payload=forecast(DAY), previous_payload=before)
    changes = [row["Change"] for row in shown.tables["Hourly means in MW"]]
    assert changes == ["n/a"] * 12 + ["0"] * 12
    assert "where both have values" in shown.headline.lede


def test_the_day_before_is_compared_by_energy_only():
    """A forecast that ends where this one begins gives one figure, no change by the hour."""
    day_before = {"start": "2024-06-13T22:00Z", "end": "2024-06-14T22:00Z"}
    before = forecast([100.0] * 24, **day_before)
    shown = cells.run("wind_solar", event_payload=forecast(DAY), previous_payload=before)
    assert "4.0 GWh in the day-ahead forecast, 1.6 GWh more than the day before." in (
        shown.headline.lede
    )
    assert "Change" not in shown.tables["Hourly means in MW"][0]


@pytest.mark.parametrize(
    ("hours", "when"),
    [(25, AUTUMN), (24, {"start": "2026-10-25T23:00Z", "end": "2026-10-26T23:00Z"})],
)
def test_days_of_another_length_are_not_compared(hours, when):
    """24 hours are held against 24 of the day before, never against 25 or 23."""
    earlier = {
        25: {"start": "2026-10-23T22:00Z", "end": "2026-10-24T22:00Z"},
        24: AUTUMN,
    }[hours]
    before = forecast([100.0] * (24 if hours == 25 else 25), **earlier)
    payload = forecast([200.0] * hours, **when)
    shown = cells.run("wind_solar", event_payload=payload, previous_payload=before)
    assert "day before" not in shown.headline.lede


def test_the_autumn_day_has_25_hours_with_both_two_o_clocks():
    """25 rows, 02:00 CEST before 02:00 CET, and 25 hours of energy."""
    payload = forecast([float(hour) for hour in range(25)], [1000.0] * 25, **AUTUMN)
    shown = cells.run("wind_solar", event_payload=payload)
    rows = shown.tables["Hourly means in MW"]
    assert [row["Hour"] for row in rows][1:5] == ["01:00", "02:00 CEST", "02:00 CET", "03:00"]
    assert (len(rows), rows[-1]["Hour"], rows[-1]["Solar"]) == (25, "23:00", "24")
    assert shown.kpis["Wind onshore"].value == 25.0


def test_the_spring_day_has_23_hours_without_two_o_clock():
    """23 rows, 01:00 followed by 03:00, and 23 hours of energy."""
    payload = forecast(None, [1000.0] * 23, **SPRING)
    shown = cells.run("wind_solar", event_payload=payload)
    rows = shown.tables["Hourly means in MW"]
    assert [row["Hour"] for row in rows][:3] == ["00:00", "01:00", "03:00"]
    assert len(rows) == 23
    assert shown.kpis["Wind onshore"].value == 23.0


def test_missing_hours_are_n_a_and_said_never_zero():
    """What has no value is n/a in its hour and in the total, and a warning says for how long."""
    onshore = {hour: 500 for hour in range(1, 25) if hour not in (5, 6)}
    solar = dict.fromkeys(range(1, 25), 0) | {13: 1000}
    payload = forecast(solar, onshore, curve="A01")
    shown = cells.run("wind_solar", event_payload=payload)
    row = shown.tables["Hourly means in MW"][4]
    assert (row["Wind onshore"], row["Solar"], row["Total"]) == ("n/a", "0", "n/a")
    assert by_type(shown)["Wind onshore"]["Energy, GWh"] == "11.0"
    assert shown.notes[0] == (
        "Wind onshore: no value for 2 of 24 hours; sums and means leave these out."
    )


def test_a_type_without_any_value_is_n_a_and_leaves_the_others_standing():
    """One all-missing series costs only its own figures."""
    payload = forecast(DAY, {1: None}, curve="A01")
    shown = cells.run("wind_solar", event_payload=payload)
    row = by_type(shown)["Wind onshore"]
    assert (row["Energy, GWh"], row["Peak, MW"], row["Peak at"]) == ("n/a", "n/a", "n/a")
    assert "Wind onshore" not in shown.kpis
    assert shown.headline.text == "Solar peaks at 3.0 GW at 13:00"
    assert shown.tables["Hourly means in MW"][13]["Total"] == f"3{THIN}000"


def test_without_any_value_there_is_no_issue():
    """A forecast of nothing but gaps is skipped, with the reason."""
    shown = cells.run("wind_solar", event_payload=forecast({1: None}, curve="A01"))
    assert shown.skipped == "the forecast has no value"
    assert len(shown.parts) == 1


def test_a_single_point_is_enough():
    """One hour alone has energy and peak, and no ramp."""
    payload = forecast([700.0], end="2024-06-14T23:00Z")
    shown = cells.run("wind_solar", event_payload=payload)
    assert shown.headline.text == "Solar peaks at 700 MW at 00:00"
    assert list(shown.kpis) == ["Solar"]
    assert len(shown.tables["Hourly means in MW"]) == 1


def test_night_and_calm_still_make_a_headline():
    """A dark forecast without wind names what it is about instead of a peak of zero."""
    shown = cells.run("wind_solar", event_payload=forecast([0.0] * 24))
    assert shown.headline.text == "Solar brings 0 MWh"


def test_an_intermediate_document_is_provisional():
    """A docStatus of A01 (intermediate) puts a warning on the issue."""
    status = f"<docStatus>{documents.element('value', 'A01')}</docStatus>"
    shown = cells.run("wind_solar", event_payload=forecast(DAY, head=status))
    assert any(note.startswith("Provisional") for note in shown.notes)


@pytest.mark.parametrize("sample", ["wind_solar_DE_LU.xml", "wind_solar_DE_LU_intraday.xml"])
def test_the_chart_is_small_and_says_in_words_what_it_shows(sample):
    """Each image stays under 45 KB and its alt text has every type with its peak."""
    payload = (cells.SAMPLES / sample).read_text(encoding="utf-8")
    before = (cells.SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8")
    shown = cells.run("wind_solar", event_payload=payload, previous_payload=before)
    (figure,) = shown.figures
    assert len(figure.light_png) < 45_000
    assert len(figure.dark_png) < 45_000
    assert all(f"{name} up to" in figure.alt for name in ("Solar", "Wind onshore"))


def test_a_kernel_shows_the_same_as_this_process():
    """Run by the flow's engine, the newsletter has the same parts, images to the byte."""
    path = cells.NOTEBOOKS / "wind_solar.ipynb"
    loaded = newsletter.load(path)
    payload = loaded.sample.read_text(encoding="utf-8")
    limits = Limits(deadline_seconds=120, memory_mb=2048, output_mb=16)
    executed = run(loaded, {"event_payload": payload}, limits=limits)
    outputs = [
        output["data"]
        for cell in executed.notebook.cells
        for output in cell.get("outputs", ())
        if desk_part(output)
    ]
    shown = cells.run("wind_solar", event_payload=payload)
    assert [desk_part({"data": data}) for data in outputs] == [
        cells.parts.dump(part) for part in shown.parts
    ]


def desk_part(output):
    return output.get("data", {}).get(cells.parts.MIME)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_forecasts_make_an_issue(path):
    """Each real forecast gives a chart, 24 hours and the energy that its values add up to."""
    payload = path.read_text(encoding="utf-8")
    shown = cells.run("wind_solar", event_payload=payload)
    document = desk.read(payload)
    hours = (document.frame["end"] - document.frame["start"]).dt.total_seconds() / 3600
    expected_gwh = (document.frame["value"] * hours).sum() / 1000
    assert sum(kpi.value for kpi in shown.kpis.values() if kpi.unit == "GWh") == pytest.approx(
        expected_gwh
    )
    assert len(shown.tables["Hourly means in MW"]) == 24
    assert len(shown.figures) == 1

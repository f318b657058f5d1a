"""What a notebook imports: time series without a false value, and parts that say what was meant."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from pydantic import ValidationError

import cells
import documents
from flows import desk
from flows.errors import DocumentError, NewsletterError
from flows.notebook import engine, environment, parts

THIN, MINUS = "\u202f", "\u2212"


@pytest.fixture
def shown(monkeypatch):
    """The outputs of this process, as a kernel would publish them."""
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell.instance(), "display_pub", publisher)
    return publisher.outputs


def quarters(values, start="2026-06-17", tz="Europe/Berlin"):
    """A series of quarters of an hour from `start`."""
    index = pd.date_range(pd.Timestamp(start, tz=tz), periods=len(values), freq="15min")
    return pd.Series(values, index=index, dtype=float)


def forecast(**series):
    """A document with these values by production type; its first day is 15 June 2024."""
    return desk.read(
        documents.document(
            *(
                values if isinstance(values, str) else documents.series(values, psr_type=code)
                for code, values in series.items()
            )
        )
    )


# --- reading -------------------------------------------------------------------------------------


def test_several_zones_or_none_are_no_document_for_a_notebook():
    """One document about one zone is what a notebook reads; anything else is refused."""
    two = documents.document(
        documents.series([1]), documents.series([1], where=documents.into(documents.NL), number=2)
    )
    for payload in (two, documents.document()):
        with pytest.raises(DocumentError):
            desk.read(payload)
    assert desk.read_optional("") is None


def test_columns_are_production_types_in_the_order_of_a_stack():
    """Solar is on top of wind, whatever their order in the document, on one zone-local grid."""
    frame = desk.by_type(forecast(B16=[1] * 96, B19=[2] * 96, B14=[3] * 96))
    assert list(frame) == ["B14", "B19", "B16"]
    assert str(frame.index.tz) == "Europe/Berlin"
    assert (frame.index[0].hour, len(frame)) == (0, 96)


def test_an_hour_beside_quarters_stands_in_all_four():
    """Types in different resolutions share the finest grid; energy does not change by that."""
    hourly = documents.series([100] * 24, psr_type="B19", resolution="PT60M")
    frame = desk.by_type(forecast(B16=[40] * 96, B19=hourly))
    assert len(frame) == 96
    assert desk.energy_gwh(frame).to_dict() == {"B16": pytest.approx(0.96), "B19": 2.4}


def test_the_grid_covers_the_period_where_values_do_not():
    """What lies between, before and after the values is NaN, not left out."""
    late = documents.period(
        [5.0], start="2024-06-15T10:00Z", end="2024-06-15T11:00Z", resolution="PT60M"
    )
    frame = desk.by_type(forecast(B16=documents.series(late)))
    assert len(frame) == 24
    assert frame["B16"].count() == 1
    assert desk.missing_hours(frame)["B16"] == 23.0


def test_days_of_23_and_25_hours_are_on_one_hourly_grid():
    """Daily values around the change of the clocks stand on hours that divide both days."""
    start, end = "2026-10-23T22:00Z", "2026-10-25T23:00Z"
    days = documents.series([10, 20], resolution="P1D", start=start, end=end)
    frame = desk.by_type(desk.read(documents.document(days, start=start, end=end)))
    assert len(frame) == 49
    assert (frame["B16"] == 20).sum() == 25


def test_two_values_for_one_time_are_refused():
    """In and out directions are never added up unasked."""
    both = documents.document(
        documents.series([1] * 96, psr_type="B10"),
        documents.series(
            [2] * 96, psr_type="B10", where=documents.out_of(documents.DE_LU), number=2
        ),
    )
    with pytest.raises(DocumentError, match="several values of B10"):
        desk.by_type(desk.read(both))
    document = desk.read(both)
    pumps = document.frame[document.frame["direction"] == "out"]
    assert desk.single(document, pumps).eq(2).all()


def test_a_document_without_values_is_refused():
    """Rows that a filter left empty are no series."""
    document = forecast(B16=[1] * 96)
    with pytest.raises(DocumentError, match="no values"):
        desk.by_type(document, document.frame.iloc[:0])


# --- figures -------------------------------------------------------------------------------------


def test_sums_over_nothing_are_missing_and_sums_over_gaps_know_how_much():
    """Energy of an all-missing series is NaN; of a half-missing one what there is."""
    frame = pd.DataFrame({"a": quarters([np.nan] * 8), "b": quarters([100] * 4 + [np.nan] * 4)})
    assert math.isnan(desk.energy_gwh(frame)["a"])
    assert desk.energy_gwh(frame)["b"] == pytest.approx(0.1)
    assert desk.energy_gwh(frame["b"]) == pytest.approx(0.1)
    assert desk.missing_hours(frame).to_dict() == {"a": 2.0, "b": 1.0}
    assert desk.missing_hours(frame["b"]) == 1.0


def test_hourly_means_are_of_all_quarters_or_missing():
    """The mean of four quarters, n/a with three of them, never the first of them."""
    means = desk.hourly(quarters([1, 2, 3, 6, 1, np.nan, 3, 4]))
    assert means.iloc[0] == 3.0
    assert math.isnan(means.iloc[1])
    assert desk.step_hours(means) == 1.0


@pytest.mark.parametrize(("start", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_hourly_means_know_the_length_of_the_day(start, hours):
    """25 hours in autumn, 23 in spring, each the mean of its own quarters."""
    means = desk.hourly(quarters(np.repeat(np.arange(hours), 4), start))
    assert means.tolist() == list(range(hours))
    assert means.index[-1].hour == 23


def test_half_hours_and_hours_have_hourly_means():
    """Two half-hours make an hour; hours and days stay as they are."""
    index = pd.date_range("2026-06-17", periods=4, freq="30min", tz="UTC")
    assert desk.hourly(pd.Series([1.0, 3.0, 5.0, 5.0], index=index)).tolist() == [2.0, 5.0]
    daily = pd.Series([1.0], index=pd.date_range("2026-06-17", periods=1, freq="24h", tz="UTC"))
    assert desk.hourly(daily).tolist() == [1.0]


def test_rows_dropped_from_a_series_are_noticed():
    """A series that is no grid any more raises instead of giving a wrong energy."""
    with pytest.raises(TypeError, match="grid"):
        desk.energy_gwh(quarters([1, 2, np.nan, 4]).dropna())


def test_change_is_now_less_before_where_both_have_values():
    """Hours without a counterpart, and all of them without a document before, are missing."""
    now = quarters([10] * 8).to_frame("B16")
    before = quarters([4] * 4).to_frame("B16")
    change = desk.hourly_change(now, before)["B16"]
    assert change.iloc[0] == 6.0
    assert math.isnan(change.iloc[1])
    assert desk.hourly_change(now, None).isna().all(axis=None)


def test_extremes_are_the_first_of_several_and_none_where_all_is_missing():
    """The interval of the highest and of the lowest value."""
    values = quarters([3, 9, 9, 1])
    assert desk.highest(values) == desk.Span(
        values.index[1], values.index[1] + pd.Timedelta(minutes=15), 9.0
    )
    assert desk.lowest(values).value == 1.0
    nothing = quarters([np.nan] * 4)
    assert desk.highest(nothing) is desk.lowest(nothing) is None


def test_the_steepest_ramp_is_within_one_hour():
    """From the quarter that begins at 00:30 to the one at 01:30 it rises by 7."""
    values = quarters([5, 5, 1, 1, 1, 1, 8, 8, 2])
    rise, fall = desk.steepest(values), desk.steepest(values, falling=True)
    assert (rise.value, f"{rise.start:%H:%M}", f"{rise.end:%H:%M}") == (7.0, "00:30", "01:30")
    assert (fall.value, f"{fall.start:%H:%M}", f"{fall.end:%H:%M}") == (-4.0, "00:00", "01:00")
    assert desk.steepest(quarters([1] * 8)) is None
    assert desk.steepest(quarters([1])) is None


def test_a_block_has_no_gap_in_it():
    """The cheapest two hours skip the cheaper ones that have a missing quarter."""
    values = quarters([1] * 7 + [np.nan] + [5] * 8 + [9] * 8)
    cheapest = desk.block(values, 2)
    assert (cheapest.value, f"{cheapest.start:%H:%M}") == (5.0, "02:00")
    assert desk.block(values, 2, dearest=True).value == 9.0
    assert desk.block(values, 12) is None


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (41200.54, 1, f"41{THIN}200.5"),
        (-3.25, 1, f"{MINUS}3.2"),
        (-0.04, 1, "0.0"),
        (None, 1, "n/a"),
        (math.nan, 0, "n/a"),
        (-math.inf, 0, "n/a"),
        (999.96, 1, f"1{THIN}000.0"),
    ],
)
def test_numbers_are_for_readers(value, digits, text):
    """Thin spaces, a real minus, no minus zero, and n/a for what is missing."""
    assert desk.number(value, digits) == text


def test_signed_numbers_have_no_signed_zero():
    """A change that rounds to nothing has no sign."""
    assert desk.number(3.2, sign=True) == "+3.2"
    assert desk.number(0.04, sign=True) == "0.0"


@pytest.mark.parametrize(
    ("gigawatt_hours", "text"),
    [(412.4, "412 GWh"), (31.24, "31.2 GWh"), (0.415, "415 MWh"), (-0.5, f"{MINUS}500 MWh")],
)
def test_energy_is_said_in_the_unit_that_fits(gigawatt_hours, text):
    """Three figures or so, in GWh or MWh."""
    assert desk.energy(gigawatt_hours) == text


def test_power_is_said_in_the_unit_that_fits():
    """GW from 1 000 MW on."""
    assert [desk.power(mw) for mw in (999, 1000, 41234)] == ["999 MW", "1.0 GW", "41.2 GW"]


def test_clock_labels_tell_both_autumn_hours_apart():
    """The zone's abbreviation stands where a clock time comes twice, and only there."""
    day = quarters([0.0] * 100, "2026-10-25")
    labels = desk.clock(day.index)
    assert labels[8] == "02:00 CEST"
    assert labels[12] == "02:00 CET"
    assert labels[16] == "03:00"
    assert len(set(labels)) == 100


def test_clock_labels_have_the_day_where_there_are_several():
    """With two days, each label has its own."""
    two_days = quarters([0.0] * 192)
    assert desk.clock(two_days.index)[96] == "Thu 18 Jun 00:00"
    assert desk.period(two_days) == "Wed 17 Jun – Thu 18 Jun 2026"
    assert desk.period(two_days.iloc[:96]) == "Wed 17 Jun 2026"


def test_stretches_end_at_24_on_their_own_day():
    """Midnight at the end is 24:00; a day stands once."""
    day, days = quarters([0.0] * 96), quarters([0.0] * 192)
    start = day.index[80]
    evening = desk.Span(start, start + pd.Timedelta(hours=4), 1.0)
    noon = desk.Span(day.index[48], day.index[52], 1.0)
    night = desk.Span(start, start + pd.Timedelta(hours=6), 1.0)
    assert desk.when(evening, day) == "20:00–24:00"
    assert desk.when(noon, days) == "Wed 17 Jun 12:00–13:00"
    assert desk.when(night, days) == "Wed 17 Jun 20:00–Thu 18 Jun 02:00"


def test_the_last_hour_before_the_clocks_change_ends_at_24_too():
    """The days of 23 and 25 hours end at 24:00 like all others."""
    for start, length in (("2026-10-25", 100), ("2026-03-29", 92)):
        day = quarters([0.0] * length, start)
        last = desk.Span(day.index[-4], day.index[-1] + pd.Timedelta(minutes=15), 1.0)
        assert desk.when(last, day) == "23:00–24:00"


def test_documents_and_codes_have_names():
    """Stage, time of issue and production types as readers know them; unknown codes stand."""
    document = forecast(B16=[1] * 96)
    assert (desk.process(document), desk.issued(document)) == ("Day-ahead", "Fri 14 Jun 18:00")
    assert (desk.production_type("B16"), desk.production_type("B99")) == ("Solar", "B99")
    assert desk.colour("B16") != desk.colour("B19")
    assert desk.colour("B99") == desk.colour("B20")


# --- parts ---------------------------------------------------------------------------------------


def test_each_call_records_its_part_and_shows_something_in_jupyterlab(shown):
    """Headline, tiles, chart, table and note: the typed part beside HTML or an image."""
    figure, axes = desk.chart(2.0)
    axes.plot([0, 1], [0, 1])
    desk.headline("Solar & <b>wind</b>", lede="More")
    desk.kpis(desk.kpi("Peak", 41.25, "GW", note="at 13:15"), desk.kpi("Until", "Fri 26 Jun"))
    desk.figure(figure, alt="A line.", caption="Caption")
    desk.table(pd.DataFrame({"Type": ["Solar"], "MW": [1234.5]}), digits=0)
    desk.note("Mind this", warning=True)
    recorded = [parts.load(output["data"][parts.MIME]) for output in shown]
    assert [part.part for part in recorded] == ["headline", "kpis", "figure", "table", "note"]
    assert recorded[1].items[0].text == "41.2"
    assert recorded[1].items[1].value is None
    assert recorded[2].light_png.startswith(b"\x89PNG")
    assert shown[2]["data"]["image/png"]
    assert shown[2]["metadata"] == {"image/png": {"width": 640}}
    assert recorded[3].rows == (("Solar", f"1{THIN}234"),)
    assert [column.numeric for column in recorded[3].columns] == [False, True]
    assert "<b>wind" not in shown[0]["data"]["text/html"]


def test_a_missing_figure_has_no_unit():
    """A tile without a value says n/a alone."""
    missing = desk.kpi("Peak", math.nan, "GW", note="no data")
    assert (missing.value, missing.text, missing.unit) == (None, "n/a", "")


def test_a_table_shows_missing_cells_as_n_a(shown):
    """NaN, None and NaT are n/a in numbers and in text; digits can differ by column."""
    frame = pd.DataFrame(
        {"a": [1.25, np.nan], "b": ["x", None], "c": [pd.NaT, pd.NaT], "d": [7, 8]}
    )
    desk.table(frame, digits={"a": 2, "d": 0})
    table = parts.load(shown[0]["data"][parts.MIME])
    assert table.rows == (("1.25", "x", "n/a", "7"), ("n/a", "n/a", "n/a", "8"))


def test_a_change_has_its_sign(shown):
    """Columns of changes have a plus where they rise, and nothing where they do not move."""
    desk.table(pd.DataFrame({"MW": [1, 1, 1], "Change": [2, -3, 0]}), digits=0, signed=["Change"])
    table = parts.load(shown[0]["data"][parts.MIME])
    assert table.rows == (("1", "+2"), ("1", f"{MINUS}3"), ("1", "0"))


def test_a_table_without_rows_keeps_its_columns(shown):
    """An empty frame is an empty table, no error."""
    desk.table(pd.DataFrame({"a": [], "b": []}))
    table = parts.load(shown[0]["data"][parts.MIME])
    assert (table.rows, len(table.columns)) == ((), 2)


def test_a_headline_that_is_too_long_is_refused():
    """A subject has at most 80 characters."""
    with pytest.raises(ValidationError):
        desk.headline("x" * 81)


def test_skip_leaves_its_reason_and_ends_the_notebook(shown):
    """The engine knows the exception by its name, and the reason by its part."""
    with pytest.raises(desk.SkipIssue, match="quiet"):
        desk.skip("all quiet")
    assert parts.load(shown[0]["data"][parts.MIME]).reason == "all quiet"
    assert desk.SkipIssue.__name__ == engine.SKIP


def test_caveats_name_what_is_missing(shown):
    """A warning for each series with holes, none for a whole one."""
    frame = pd.DataFrame({"a": quarters([1] * 8), "b": quarters([1] * 7 + [np.nan])})
    desk.caveats(forecast(B16=[1] * 96), frame, {"a": "Whole", "b": "Holed"})
    (only,) = [parts.load(output["data"][parts.MIME]) for output in shown]
    assert only.text == "Holed: no value for 0.25 of 2 hours; sums and means leave these out."
    assert only.level == "warning"


# --- the notebook itself -------------------------------------------------------------------------


def test_the_sample_is_the_one_that_the_header_names(monkeypatch):
    """The flow and Jupyter's server each tell a kernel which notebook it runs."""
    expected = (cells.SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8")
    for variable in desk.NOTEBOOK_FILE_VARIABLES:
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(cells.NOTEBOOKS / "wind_solar.ipynb"))
            assert desk.sample() == expected
    assert environment.NOTEBOOK_FILE in desk.NOTEBOOK_FILE_VARIABLES


def test_without_a_notebook_there_is_no_sample(monkeypatch):
    """A console gets told to run a notebook."""
    for variable in desk.NOTEBOOK_FILE_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(NewsletterError, match="does not know its own file"):
        desk.sample()


def test_importing_desk_loads_neither_matplotlib_nor_prefect():
    """Charts load matplotlib when the first is drawn; a notebook never loads Prefect."""
    code = "import sys; from flows import desk; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pandas" in loaded
    assert not loaded & {"matplotlib", "prefect", "papermill", "jupyter_client", "IPython", "PIL"}


@pytest.mark.parametrize("name", [name for name in desk.__all__ if name.islower()])
def test_all_that_desk_offers_is_there_and_documented(name):
    """Every function that an analyst may call says what it does."""
    assert getattr(desk, name).__doc__

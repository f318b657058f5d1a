"""The day-ahead price newsletter says what the prices say, worked out by hand here."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import cells
import documents
from flows.notebook import newsletter
from flows.notebook.run import Limits, run

SHARED = Path(__file__).parents[2] / "shared" / "documents"
REAL = sorted(  # none where the folder is absent
    path
    for name in ("*A44*", "hass_BE*", "*_prices*")
    for path in SHARED.glob(f"{name}.xml")
    if "Acknowledgement" not in path.read_text(encoding="utf-8")
)
QUARTER_HOURS = {"PT15M": 1, "PT60M": 4}
MINUS = "\u2212"
UNIT = "EUR/MWh"
PEAK_DAY = [10.0] * 8 + [50.0] * 12 + [10.0] * 4
AUTUMN = {"start": "2026-10-24T22:00Z", "end": "2026-10-25T23:00Z"}
SPRING = {"start": "2026-03-28T23:00Z", "end": "2026-03-29T22:00Z"}


def prices(values, resolution="PT60M", sequence=None, **fields):
    """Prices of one auction, by hour unless said otherwise."""
    return documents.prices(values, resolution=resolution, sequence=sequence, **fields)


def show(*series, auction_sequence=1, **fields):
    payload = documents.price_document(*series, **fields)
    return cells.run("day_ahead_prices", event_payload=payload, auction_sequence=auction_sequence)


def products(shown):
    return {row["Product"]: (row[UNIT], row["When"]) for row in shown.tables["Products"]}


def test_base_peak_and_off_peak_of_a_day():
    """12 hours at 50 and 12 at 10: base 30, peak 50, off-peak 10."""
    shown = show(prices(PEAK_DAY))
    assert products(shown)["Base"] == ("30.00", "24 hours")
    assert products(shown)["Peak"] == ("50.00", "08:00–20:00")
    assert products(shown)["Off-peak"] == ("10.00", "before 08:00, after 20:00")
    assert (shown.kpis["Base"].value, shown.kpis["Base"].unit) == (30.0, UNIT)
    assert shown.headline.text == "Power averages 30.0 EUR/MWh, at most 50.0"


def test_a_weekend_is_marked_where_peak_is_shown():
    """15 June 2024 is a Saturday, 17 June a Monday: only one of them is a weekend."""
    assert show(prices(PEAK_DAY)).kpis["Peak 08–20"].note == "weekend"
    monday = {"start": "2024-06-16T22:00Z", "end": "2024-06-17T22:00Z"}
    assert show(prices(PEAK_DAY, **monday), **monday).kpis["Peak 08–20"].note == "local time"


def test_base_is_weighted_by_time_where_resolutions_are_mixed():
    """An hour at 100 and four quarters at 0 have a mean of 50, not of 20."""
    first = documents.period(
        [100.0], value="price.amount", resolution="PT60M", end="2024-06-14T23:00Z"
    )
    second = documents.period(
        [0.0, 0.0, 0.0, 0.0],
        value="price.amount",
        start="2024-06-14T23:00Z",
        end="2024-06-15T00:00Z",
    )
    shown = show(documents.prices(first, second), end="2024-06-15T00:00Z")
    assert shown.kpis["Mean of 2 hours"].value == 50.0
    assert "resolution PT15M, PT60M" in shown.figures[0].caption


def test_extremes_and_spread_have_their_times():
    """Lowest, highest and their difference, each with its interval."""
    values = [20.0] * 96
    values[50], values[70] = -5.5, 120.25
    shown = show(prices(values, "PT15M"))
    assert (shown.kpis["Lowest"].value, shown.kpis["Lowest"].note) == (-5.5, "12:30–12:45")
    assert (shown.kpis["Highest"].value, shown.kpis["Highest"].note) == (120.25, "17:30–17:45")
    assert shown.kpis["Spread"].value == 125.75


def test_negative_quarters_and_hours_are_told_apart():
    """Five quarters below zero, of which four make an hour whose mean is below zero."""
    values = [40.0] * 48 + [-1.0, -2.0, -3.0, -4.0, -0.01] + [40.0] * 43
    shown = show(prices(values, "PT15M"))
    assert shown.kpis["Below zero"].value == 1.25
    assert shown.kpis["Below zero"].note == "5 of 96 prices, 1 hourly means"
    assert shown.headline.text == f"Prices below zero for 1.25 hours, down to {MINUS}4.00 EUR/MWh"


def test_a_price_of_zero_is_not_below_zero():
    """Zero is a price like any other."""
    shown = show(prices([0.0] * 24))
    assert shown.kpis["Below zero"].value == 0.0
    assert shown.headline.text == "Power averages 0.0 EUR/MWh, at most 0.0"


def test_blocks_are_four_hours_in_a_row_from_any_quarter():
    """The cheapest block starts at 12:15 where sixteen quarters from there are cheapest."""
    values = [40.0] * 49 + [5.0] * 16 + [90.0] * 16 + [40.0] * 15
    shown = show(prices(values, "PT15M"))
    assert products(shown)["Cheapest 4 hours"] == ("5.00", "12:15–16:15")
    assert products(shown)["Dearest 4 hours"] == ("90.00", "16:15–20:15")


def test_a_block_until_midnight_ends_at_24():
    """The end of the day is 24:00, not 00:00 of the day that it began on."""
    shown = show(prices([10.0] * 20 + [80.0] * 4))
    assert products(shown)["Dearest 4 hours"] == ("80.00", "20:00–24:00")


def test_auctions_are_never_merged():
    """Each auction sequence has figures of its own, and the other is named as another product."""
    both = (prices([10.0] * 24, sequence=1), prices([99.0] * 24, sequence=2, number=2))
    first, second = show(*both), show(*both, auction_sequence=2)
    assert (first.kpis["Base"].value, second.kpis["Base"].value) == (10.0, 99.0)
    assert "Also in this document, but another product: auction 2." in first.notes
    assert "Auction 2, EUR/MWh" in second.figures[0].caption


def test_without_the_auction_there_is_no_issue():
    """A document of other auctions only is skipped, with the reason."""
    shown = show(prices([10.0] * 24, sequence=2))
    assert shown.skipped == "no day-ahead price of auction 1 in this document"


def test_intraday_auctions_are_no_day_ahead_prices():
    """Agreement type A07 (intraday) is not shown as day-ahead."""
    intraday = prices([10.0] * 24).replace(
        "<contract_MarketAgreement.type>A01", "<contract_MarketAgreement.type>A07"
    )
    assert show(intraday).skipped


@pytest.mark.parametrize(
    ("start", "end", "base"),
    [
        ("2025-09-29T22:00Z", "2025-09-30T22:00Z", 20.0),
        ("2025-09-30T22:00Z", "2025-10-01T22:00Z", 77.0),
    ],
)
def test_of_two_resolutions_the_coupled_auction_s_is_taken(start, end, base):
    """SDAC traded hours until delivery on 30 September 2025 and quarters since."""
    when = {"start": start, "end": end}
    hourly = prices([20.0] * 24, **when)
    quarterly = prices([77.0] * 96, "PT15M", number=2, **when)
    shown = show(hourly, quarterly, **when)
    assert shown.kpis["Base"].value == base
    assert "The auction's prices in another resolution are left out." in shown.notes


def test_the_currency_is_the_document_s():
    """Zloty are shown as zloty."""
    zloty = prices([300.0] * 24).replace("EUR", "PLN")
    shown = show(zloty)
    assert shown.kpis["Base"].unit == "PLN/MWh"
    assert shown.headline.text == "Power averages 300.0 PLN/MWh, at most 300.0"
    assert "Auction 1, PLN/MWh, resolution PT60M." in shown.figures[0].caption


def test_a_gap_makes_a_mean_of_what_is_known_and_no_peak():
    """With an hour missing there is no base and no peak, but a mean that says of how much."""
    values = {hour: 10.0 for hour in range(1, 25) if hour != 10}
    shown = show(prices(values, curve="A01"))
    assert shown.kpis["Mean of 23 hours"].value == 10.0
    assert "Base" not in shown.kpis
    assert (shown.kpis["Peak 08–20"].text, shown.kpis["Peak 08–20"].value) == ("n/a", None)
    assert products(shown)["Off-peak"][0] == "10.00"
    assert shown.tables["By hour"][9]["Mean"] == "n/a"
    assert "Prices: no value for 1 of 24 hours; sums and means leave these out." in shown.notes


def test_an_hour_with_a_missing_quarter_has_no_mean():
    """Three quarters are no hour: mean, lowest and highest are n/a."""
    values = {quarter: 10.0 for quarter in range(1, 97) if quarter != 6}
    shown = show(prices(values, "PT15M", curve="A01"))
    row = shown.tables["By hour"][1]
    assert (row["Mean"], row["Lowest"], row["Highest"]) == ("n/a", "n/a", "n/a")


def test_four_points_make_an_issue():
    """One hour of quarters has its extremes, no block, and one row."""
    values = [55.35, 44.22, 40.32, 31.86]
    shown = show(prices(values, "PT15M", end="2024-06-14T23:00Z"))
    assert shown.kpis["Mean of 1 hour"].value == pytest.approx(42.9375)
    assert "Cheapest 4 hours" not in products(shown)
    assert [row["Hour"] for row in shown.tables["By hour"]] == ["00:00"]
    assert shown.tables["By hour"][0]["Lowest"] == "31.86"


def test_without_any_price_there_is_no_issue():
    """A document of gaps alone is skipped."""
    assert show(prices({1: None}, curve="A01")).skipped


def test_the_autumn_day_has_25_hours():
    """Base over 25 hours: 12 at 50 and 13 at 10 make 29.2; both hours from 02:00 are there."""
    shown = show(prices([10.0] * 9 + [50.0] * 12 + [10.0] * 4, **AUTUMN), **AUTUMN)
    assert products(shown)["Base"] == ("29.20", "25 hours")
    assert products(shown)["Peak"][0] == "50.00"
    hours = [row["Hour"] for row in shown.tables["By hour"]]
    assert hours[1:5] == ["01:00", "02:00 CEST", "02:00 CET", "03:00"]
    assert len(hours) == 25


def test_the_autumn_day_in_quarters_has_its_extremes_in_the_right_hour():
    """A low in the second 02:00 hour is at 02:15 CET, and each hour has its own extremes."""
    values = [40.0] * 100
    values[13] = 1.0
    shown = show(prices(values, "PT15M", **AUTUMN), **AUTUMN)
    assert shown.kpis["Lowest"].note == "02:15 CET–02:30 CET"
    lows = {row["Hour"]: row["Lowest"] for row in shown.tables["By hour"]}
    assert (lows["02:00 CEST"], lows["02:00 CET"]) == ("40.00", "1.00")


def test_the_spring_day_has_23_hours():
    """Base over 23 hours: 12 at 50 and 11 at 10 make 30.87; no hour from 02:00."""
    shown = show(prices([10.0] * 7 + [50.0] * 12 + [10.0] * 4, **SPRING), **SPRING)
    assert products(shown)["Base"] == ("30.87", "23 hours")
    assert [row["Hour"] for row in shown.tables["By hour"]][:3] == ["00:00", "01:00", "03:00"]


def test_several_days_have_a_row_each():
    """Two days have a mean each, a mean of both without the name base, and days beside clocks."""
    when = {"start": "2024-06-14T22:00Z", "end": "2024-06-16T22:00Z"}
    shown = show(prices([10.0] * 24 + [30.0] * 24, **when), **when)
    assert shown.kpis["Mean of 48 hours"].value == 20.0
    days = [(row["Day"], row["Mean"], row["Hours"]) for row in shown.tables["By local day"]]
    assert days == [("Sat 15 Jun", "10.00", "24.00"), ("Sun 16 Jun", "30.00", "24.00")]
    assert products(shown)["Dearest 4 hours"][1] == "Sun 16 Jun 00:00–04:00"
    assert len(shown.headline.text) <= 80


def test_a_kernel_shows_the_same_as_this_process():
    """Run by the flow's engine, the newsletter has the same parts, images to the byte."""
    loaded = newsletter.load(cells.NOTEBOOKS / "day_ahead_prices.ipynb")
    payload = loaded.sample.read_text(encoding="utf-8")
    limits = Limits(deadline_seconds=120, memory_mb=2048, output_mb=16)
    executed = run(loaded, {"event_payload": payload}, limits=limits)
    recorded = [
        output["data"][cells.parts.MIME]
        for cell in executed.notebook.cells
        for output in cell.get("outputs", ())
    ]
    shown = cells.run("day_ahead_prices", event_payload=payload)
    assert recorded == [cells.parts.dump(part) for part in shown.parts]
    assert all(len(figure.light_png) < 45_000 for figure in shown.figures)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_prices_make_an_issue_with_the_right_mean(path):
    """The mean of each real document is that of an expansion of its XML written here."""
    payload = path.read_text(encoding="utf-8")
    shown = cells.run("day_ahead_prices", event_payload=payload)
    (mean,) = (kpi for label, kpi in shown.kpis.items() if label.startswith(("Base", "Mean")))
    expected = _quarters(ET.fromstring(payload))  # noqa: S314 - a file that we trust
    assert mean.value == pytest.approx(sum(expected) / len(expected))
    assert len(shown.figures) == 1


def _quarters(root):
    """The price of each quarter of an hour, A03 filled by hand."""
    values = []
    for period in root.iterfind(".//{*}Period"):
        resolution = period.findtext("{*}resolution")
        interval = period.find("{*}timeInterval")
        start, end = (interval.findtext(f"{{*}}{name}") for name in ("start", "end"))
        count = round(_hours(start, end) * 4 / QUARTER_HOURS[resolution])
        points = [
            (int(point.findtext("{*}position")), float(point.findtext("{*}price.amount")))
            for point in period.iterfind("{*}Point")
        ]
        for (position, price), (following, _) in pairwise([*points, (count + 1, None)]):
            values += [price] * ((following - position) * QUARTER_HOURS[resolution])
    return values


def _hours(start, end):
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 3600

"""Where entsoe-py 0.8 is silently wrong, or gives up: the right answers, worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from documents import (
    BE,
    DE_LU,
    NL,
    border,
    document,
    into,
    out_of,
    period,
    point,
    price_document,
    prices,
    series,
)
from flows.document import read
from flows.errors import DocumentError

if TYPE_CHECKING:
    import pandas as pd

HOUR = {"start": "2024-06-14T22:00Z", "end": "2024-06-14T23:00Z"}
NAN = pytest.approx(math.nan, nan_ok=True)


def one(xml: str):
    """The only document in `xml`."""
    (found,) = read(xml)
    return found


def values(frame: pd.DataFrame) -> list[float]:
    return frame["value"].tolist()


def local(frame: pd.DataFrame, column: str = "start") -> list[str]:
    """The times of a `local_frame`, as a clock on the wall shows them."""
    return frame[column].dt.strftime("%Y-%m-%d %H:%M").tolist()


def test_two_auctions_are_never_merged():
    """Prices of two auctions for the same time both stay, told apart by their sequence."""
    halves = HOUR | {"resolution": "PT30M"}
    frame = one(
        price_document(
            prices([10, 20], sequence=1, **halves), prices([30, 40], sequence=2, **halves)
        )
    ).frame
    assert frame["sequence"].tolist() == [1, 1, 2, 2]
    assert values(frame[frame["sequence"] == 1]) == [10, 20]
    assert values(frame[frame["sequence"] == 2]) == [30, 40]


def test_prices_without_a_sequence_are_the_single_coupling():
    """Prices from before the platform had auction sequences are sequence 1; load has none."""
    assert set(one(price_document(prices([10]))).frame["sequence"]) == {1}
    assert set(one(document(series([10]))).frame["sequence"]) == {None}


def test_a_missing_sequence_and_sequence_one_are_the_same_series():
    """A series given once without and once with sequence 1 is there twice: the later holds."""
    text = price_document(prices([10], **HOUR), prices([11], sequence=1, **HOUR))
    assert values(one(text).frame) == [11] * 4


def test_day_ahead_and_intraday_auctions_stay_apart():
    """Both kinds of auction number their sequences from 1; the agreement tells them apart."""
    day_ahead = prices([10], **HOUR)
    intraday = prices([20], **HOUR).replace(
        "<contract_MarketAgreement.type>A01", "<contract_MarketAgreement.type>A07"
    )
    found = one(price_document(day_ahead, intraday))
    assert found.agreement_types == ("A01", "A07")
    frame = found.frame
    assert values(frame[frame["agreement_type"] == "A01"]) == [10] * 4
    assert values(frame[frame["agreement_type"] == "A07"]) == [20] * 4


def test_several_zones_are_a_document_each():
    """A document about two zones is two, neither with a value of the other."""
    first, second = read(
        document(
            series([1, 2], where=into(NL)),
            series([3], where=into(BE)),
            series([4], psr_type="B19", where=into(NL)),
        )
    )
    assert (first.zone.code, second.zone.code) == ("NL", "BE")
    assert first.psr_types == ("B16", "B19")
    assert set(values(first.frame)) == {1, 2, 4}
    assert set(values(second.frame)) == {3}


def test_prefixes_change_nothing():
    """A document whose elements all have a namespace prefix reads as the one without."""
    plain = one(document(series([1, 2, 3])))
    prefixed = one(document(series([1, 2, 3]), prefix="ns0"))
    assert prefixed.frame.equals(plain.frame)
    assert prefixed.key == plain.key


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.999])
def test_a_truncated_document_is_no_shorter_series(kept):
    """XML that ends early is an error, wherever it ends."""
    text = document(series(range(1, 97)))
    with pytest.raises(DocumentError, match="not well-formed"):
        read(text[: int(len(text) * kept)])


def test_a_series_given_twice_counts_once():
    """Two series that say the same of themselves are one; the later one's values hold."""
    text = document(series([1, 2], number=1, **HOUR), series([5], number=2, **HOUR))
    assert values(one(text).frame) == [5] * 4


def test_a_series_given_twice_with_another_reason_counts_once():
    """Why values are as they are does not make another series of them."""
    reason = "<Reason><code>A95</code><text>corrected</text></Reason>"
    assert (
        values(one(document(series([1], **HOUR), series([5], head=reason, **HOUR))).frame)
        == [5] * 4
    )


def test_a_series_given_twice_in_part_keeps_the_rest():
    """Where a later series covers only a part of the time, the earlier one holds for the rest."""
    later = {"start": "2024-06-14T22:15Z", "end": "2024-06-14T22:45Z"}
    frame = one(document(series([1, 2, 3, 4], **HOUR), series([7, 8], **later))).frame
    assert values(frame) == [1, 7, 8, 4]
    assert frame["start"].is_monotonic_increasing


def test_overlapping_periods_keep_the_later():
    """Within one series a period that stands later holds where it overlaps an earlier one."""
    morning = period([1, 2, 3, 4], **HOUR)
    update = period([9], start="2024-06-14T22:30Z", end="2024-06-14T23:00Z", resolution="PT30M")
    frame = one(document(series(morning, update))).frame
    assert values(frame) == [1, 2, 9]
    assert frame["resolution"].tolist() == ["PT15M", "PT15M", "PT30M"]
    assert values(one(document(series(update, morning))).frame) == [1, 2, 3, 4]


def test_a_value_that_is_covered_in_part_keeps_the_rest_of_its_time():
    """An hourly value whose second quarter is replaced stays for the first and the last two."""
    hour = period([1], resolution="PT60M", **HOUR)
    quarter = period([9], start="2024-06-14T22:15Z", end="2024-06-14T22:30Z")
    frame = one(document(series(hour, quarter))).frame
    assert values(frame) == [1, 9, 1]
    assert frame["start"].dt.minute.tolist() == [0, 15, 30]
    assert frame["end"].dt.minute.tolist() == [15, 30, 0]


def test_series_of_two_resolutions_are_two_products():
    """Hourly and quarter-hourly prices of the same hour, in a series each, both stay."""
    frame = one(
        price_document(prices([10], resolution="PT60M", **HOUR), prices([1, 2, 3, 4], **HOUR))
    ).frame
    assert values(frame[frame["resolution"] == "PT60M"]) == [10]
    assert values(frame[frame["resolution"] == "PT15M"]) == [1, 2, 3, 4]


def test_gaps_of_fixed_blocks_are_missing_values():
    """In curve type A01 a position that is not stated has no value: NaN, not no row."""
    assert values(one(document(series({1: 5, 4: 7}, curve="A01", **HOUR))).frame) == [
        5,
        NAN,
        NAN,
        7,
    ]


def test_without_a_curve_type_blocks_are_fixed():
    """A series that names no curve type is of type A01."""
    assert values(one(document(series({2: 5}, curve=None, **HOUR))).frame) == [NAN, 5, NAN, NAN]


def test_variable_blocks_fill_their_period_and_not_more():
    """In curve type A03 a value holds until the next, the last to the end of its own period."""
    first = period({1: 5, 3: 6}, **HOUR)
    other = period({1: 8}, start="2024-06-15T00:00Z", end="2024-06-15T00:30Z")
    frame = one(document(series(first, other))).frame
    assert values(frame) == [5, 5, 6, 6, 8, 8]
    assert frame["end"].iloc[3].isoformat() == "2024-06-14T23:00:00+00:00"


def test_variable_blocks_do_not_fill_backwards():
    """In curve type A03 there is no value before the first position that is stated."""
    assert values(one(document(series({3: 6}, **HOUR))).frame) == [NAN, NAN, 6, 6]


def test_positions_name_their_place_in_any_order():
    """Points that stand in another order than their positions say the same."""
    assert values(one(document(series({3: 6, 1: 5}, **HOUR))).frame) == [5, 5, 6, 6]


def test_a_month_is_a_month_on_the_local_calendar():
    """P1M values last from local midnight of the first to that of the next, also over spring."""
    year = {"start": "2023-12-31T23:00Z", "end": "2024-04-30T22:00Z", "resolution": "P1M"}
    frame = one(document(series([1, 2, 3, 4], **year), document_type="A65")).local_frame
    edges = [f"2024-0{month}-01 00:00" for month in (1, 2, 3, 4, 5)]
    assert local(frame) == edges[:-1]
    assert local(frame, "end") == edges[1:]
    assert (frame["end"] - frame["start"]).dt.total_seconds().div(3600).tolist() == [
        31 * 24,
        29 * 24,
        31 * 24 - 1,
        30 * 24,
    ]


def test_a_quarter_year_is_three_months():
    """P3M values last three months of the local calendar."""
    year = {"start": "2023-12-31T23:00Z", "end": "2024-12-31T23:00Z", "resolution": "P3M"}
    frame = one(document(series([1, 2, 3, 4], **year))).local_frame
    assert local(frame) == [f"2024-{month}-01 00:00" for month in ("01", "04", "07", "10")]


def test_a_year_is_a_year_on_the_local_calendar():
    """P1Y values last from one local New Year to the next, leap year or not."""
    years = {"start": "2022-12-31T23:00Z", "end": "2024-12-31T23:00Z", "resolution": "P1Y"}
    frame = one(document(series([418, 420], **years), document_type="A68")).local_frame
    assert local(frame) == ["2023-01-01 00:00", "2024-01-01 00:00"]
    assert (frame["end"] - frame["start"]).dt.days.tolist() == [365, 366]


def test_a_day_lasts_as_long_as_the_clocks_say():
    """P1D values of the days the clocks change last 25 and 23 hours."""
    autumn = {"start": "2024-10-25T22:00Z", "end": "2024-10-28T23:00Z", "resolution": "P1D"}
    spring = {"start": "2024-03-29T23:00Z", "end": "2024-04-01T22:00Z", "resolution": "P1D"}
    for dates, hours in ((autumn, [24, 25, 24]), (spring, [24, 23, 24])):
        frame = one(document(series([1, 2, 3], **dates))).frame
        assert (frame["end"] - frame["start"]).dt.total_seconds().div(3600).tolist() == hours


def test_a_week_that_ends_summer_time_is_one_week():
    """A P7D value over the end of summer time is one value of 169 hours, not two."""
    week = {"start": "2024-10-20T22:00Z", "end": "2024-10-27T23:00Z", "resolution": "P7D"}
    frame = one(document(series([1], **week))).frame
    assert values(frame) == [1]
    assert (frame["end"] - frame["start"]).dt.total_seconds().div(3600).tolist() == [169]


def test_four_seconds_are_a_resolution():
    """PT4S: fifteen values a minute, filled as any other."""
    minute = {"start": "2024-06-14T22:00Z", "end": "2024-06-14T22:01Z", "resolution": "PT4S"}
    frame = one(document(series({1: 5, 15: 6}, **minute))).frame
    assert values(frame) == [5] * 14 + [6]
    assert frame["start"].iloc[1].isoformat() == "2024-06-14T22:00:04+00:00"


def test_an_hour_is_sixty_minutes():
    """PT1H reads as PT60M does, and is called so."""
    frame = one(document(series([1], resolution="PT1H", **HOUR))).frame
    assert frame["resolution"].tolist() == ["PT60M"]
    assert frame.equals(one(document(series([1], resolution="PT60M", **HOUR))).frame)


def test_unknown_production_types_pass():
    """A production type that the code list does not have (B99) stays what it is."""
    found = one(document(series([1], psr_type="B99")))
    assert found.psr_types == ("B99",)
    assert set(found.frame["psr_type"]) == {"B99"}


def test_a_point_without_a_value_is_missing():
    """A point that states a position and no value has none; in A03 until the next position."""
    frame = one(document(series({1: 5, 2: None, 4: 7}, **HOUR))).frame
    assert values(frame) == [5, NAN, NAN, 7]


def test_a_series_of_points_without_values_is_all_missing():
    """A series none of whose points has a value has its rows, each NaN, in its unit."""
    frame = one(document(series([None, None], **HOUR))).frame
    assert values(frame) == [NAN] * 4
    assert set(frame["unit"]) == {"MW"}
    costs = one(price_document(prices([None], **HOUR))).frame
    assert (set(costs["measure"]), set(costs["unit"])) == ({"price"}, {"EUR/MWh"})


def test_storage_feeds_and_draws():
    """Generation and consumption of a storage in one document are told apart by direction."""
    frame = one(
        document(
            series([10], psr_type="B10", **HOUR),
            series([4], psr_type="B10", where=out_of(DE_LU), **HOUR),
            document_type="A75",
        )
    ).frame
    assert values(frame[frame["direction"] == "in"]) == [10] * 4
    assert values(frame[frame["direction"] == "out"]) == [4] * 4


def test_a_flow_is_about_the_border_into_a_zone():
    """Physical flows are about the zone they enter, from the counter zone."""
    flows = series([5], where=border(NL, DE_LU), business_type="A66", psr_type=None)
    back = series([6], where=border(DE_LU, NL), business_type="A66", psr_type=None)
    first, second = read(
        document(flows, back, family="Publication", document_type="A11", process_type=None)
    )
    assert (first.zone.code, first.counter_zone.code) == ("NL", "DE_LU")
    assert (second.zone.code, second.counter_zone.code) == ("DE_LU", "NL")
    assert set(first.frame["direction"]) == {"in"}
    assert values(first.frame) == [5] * 96


@pytest.mark.parametrize("region", ["10YDOM-REGION-1V", "10Y1001C--00059P"])
def test_a_net_position_is_that_of_its_zone(region):
    """Net import and net export against the coupled region are one document about the zone."""
    fields = {"business_type": "B09", "psr_type": None, "resolution": "PT60M"}
    imports = series([100], where=border(BE, region), **HOUR, **fields)
    later = {"start": "2024-06-14T23:00Z", "end": "2024-06-15T00:00Z"}
    exports = series([30], where=border(region, BE), **later, **fields)
    found = one(document(imports, exports, family="Publication", document_type="A25"))
    assert (found.zone.code, found.counter_zone) == ("BE", None)
    assert list(zip(found.frame["direction"], values(found.frame), strict=True)) == [
        ("in", 100),
        ("out", 30),
    ]


def test_markup_in_values_is_text():
    """A comment or a processing instruction within a document changes no value."""
    text = document(series([12])).replace("<quantity>12", "<quantity><!-- 9 -->1<?x y?>2")
    assert set(values(one(text).frame)) == {12}


def test_white_space_around_values_is_none_of_theirs():
    """Values and codes on lines of their own read as those without white space."""
    text = document(series(period(point(" 1\n", "<quantity>\n 7.5 </quantity>"))))
    assert set(values(one(text).frame)) == {7.5}

"""Shards follow from the set of issues alone: in any order, in any parts, and more than once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive_examples as examples
from flows.archive.card import Card
from flows.archive.index import LATEST, Day, Days, Month, Scope
from flows.archive.series import Series, SeriesMonth

NAMES = st.sampled_from(list(examples.TITLES))
CODES = st.sampled_from(examples.ZONES)


@st.composite
def cards(draw):
    """Draw the card of an issue, or of a correction of it."""
    day = draw(st.integers(0, 40))
    made = examples.issue(
        draw(NAMES), draw(CODES), day, draw(st.integers(1, 3)), title=f"Title {day % 3}"
    )
    if draw(st.booleans()):
        made = examples.correction(made[0], draw(st.integers(1, 2)))
    return Card.of(made[0])


SETS = st.lists(cards(), min_size=1, max_size=12)


@given(SETS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_a_scope_is_the_same_in_any_order(drawn, random, cut):
    """Added at once, or in two parts in another order with one of them twice: the same bytes."""
    shuffled = random.sample(drawn, len(drawn))
    parts = Scope.of("all", "", shuffled[:cut]).having(shuffled[cut:]).having(shuffled[:cut])
    assert parts.dump() == Scope.of("all", "", drawn).dump()


@given(SETS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_a_day_is_the_same_in_any_order(drawn, random, cut):
    """So is a day's shard, and the month's that is made from it."""
    shuffled = random.sample(drawn, len(drawn))
    once = Day(day="2025-12-01").having(drawn)
    parts = Day(day="2025-12-01").having(shuffled[:cut]).having(shuffled[cut:])
    assert parts.dump() == once.dump()
    assert Month(month="2025-12").having(parts) == Month(month="2025-12").having(once)


@given(SETS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_a_series_is_the_same_in_any_order(drawn, random, cut):
    """So is a month of a series."""
    shuffled = random.sample(drawn, len(drawn))
    empty = SeriesMonth(newsletter="load", zone="FR", month="2025-12")
    assert empty.having(shuffled[:cut]).having(shuffled[cut:]).dump() == empty.having(drawn).dump()


@given(SETS, st.randoms(use_true_random=False))
def test_the_newest_are_the_newest_of_all(drawn, random):
    """However they come, and however few are kept, none that is older takes a newer one's place."""
    many = [
        Card.of(examples.issue("load", "FI", day)[0]) for day in range(100, 100 + LATEST - 3)
    ] + drawn
    one_by_one = Scope(kind="all", name="")
    for card in random.sample(many, len(many)):
        one_by_one = one_by_one.having([card])
    assert one_by_one == Scope.of("all", "", many)
    assert len(one_by_one.latest) <= LATEST
    ranks = [card.rank for card in one_by_one.latest]
    assert ranks == sorted(ranks, reverse=True)


def test_the_names_are_those_of_the_newest_issue():
    """A newsletter that was renamed has its new title, whichever issue came last."""
    old = Card.of(examples.issue(day=0, title="Wind")[0])
    new = Card.of(examples.issue(day=1, title="Wind & sun")[0])
    for order in ([old, new], [new, old]):
        scope = Scope.of("newsletter", "wind_solar", order)
        assert scope.title == "Wind & sun"
        assert scope.newsletters == {"wind_solar": "Wind & sun"}
        assert scope.zones == {"DE_LU": new.zone}


def test_scopes_have_titles():
    """A zone's is its name, all have the archive's, and an empty one its name."""
    card = Card.of(examples.issue(code="FR")[0])
    assert Scope.of("zone", "FR", [card]).title == "France"
    assert Scope.of("all", "", [card]).title == "Gridletter"
    assert Scope.of("newsletter", "load").title == "load"


def test_months_are_listed_newest_first():
    """Each month that has an issue, once."""
    scope = Scope.of("all", "", [Card.of(examples.issue(day=day)[0]) for day in (0, 1, 5, 70)])
    assert scope.months == ("2026-02", "2025-12", "2025-11")


def test_what_is_superseded_is_listed_but_not_shown():
    """`latest` and a day's cards hold it, `shown` does not; it counts as an issue of the day."""
    first, second = (Card.of(examples.issue(revision=number)[0]) for number in (1, 2))
    scope = Scope.of("all", "", [first, second])
    day = Day(day="2025-11-28").having([first, second])
    assert scope.latest == (second, first)
    assert scope.shown == (second,)
    assert day.cards == (first, second)
    assert day.shown == (second,)
    assert day.counts == {"wind_solar": 2}


def test_a_correction_takes_the_place_of_what_it_corrects():
    """Listings have one card an issue: that of its newest rendering, whichever came last."""
    made = examples.issue()[0]
    original, corrected = Card.of(made), Card.of(examples.correction(made)[0])
    assert corrected.path.startswith(f"{original.path}/")
    for order in ([original, corrected], [corrected, original]):
        assert Scope.of("all", "", order).latest == (corrected,)
        assert Day(day="2025-11-28").having(order).cards == (corrected,)


def test_a_month_counts_its_days():
    """By newsletter, the days in order; a day that has changed is counted anew."""
    load = [Card.of(examples.issue("load", code)[0]) for code in examples.ZONES]
    wind = Card.of(examples.issue("wind_solar", "FR")[0])
    later = Day(day="2025-11-29").having([Card.of(examples.issue("load", day=1)[0])])
    day = Day(day="2025-11-28").having(load)
    month = Month(month="2025-11").having(later).having(day).having(day.having([wind]))
    assert list(month.days) == ["2025-11-28", "2025-11-29"]
    assert month.days["2025-11-28"] == {"load": 4, "wind_solar": 1}
    assert month.newsletters == {"load": "Load", "wind_solar": "Wind & solar forecast"}


def test_the_lists_of_days_and_months_are_sets_in_order():
    """Each once, oldest first."""
    assert Days().having(["2026-01-02", "2025-12-31"]).having(["2026-01-02"]).days == (
        "2025-12-31",
        "2026-01-02",
    )
    assert Series().having(["2026-01"]).having(["2025-12", "2026-01"]).months == (
        "2025-12",
        "2026-01",
    )


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(hours=-1)])
def test_a_day_is_the_zones_own(shift):
    """An issue stands on the day on which its period starts there, as its path has it."""
    made = examples.issue(code="FI")[0]
    card = Card.of(made.model_copy(update={"start": made.start + shift}))
    assert card.path.split("/")[3:5] == [f"{card.day.year}", f"{card.day:%m-%d}"]
    assert card.month == card.day.isoformat()[:7]


def test_a_card_comes_back_as_it_was_written():
    """What was made from a record is what is read from a shard, to the last field."""
    card = Card.of(examples.issue(code="PT")[0])
    day = Day(day="2025-11-28").having([card])
    assert Day.model_validate_json(day.dump()) == day
    assert Day.model_validate_json(day.dump()).cards[0].kpis == card.kpis
    assert card.place == "Portugal"

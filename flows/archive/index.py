"""The shards: what the pages around the issues are made of, each small and changed by itself.

Each is a pure function of the set of issues: adding a card twice, or cards in another order, gives
the same shard. That is why publishers may add at once, and why a rebuild gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from flows.archive.card import Card
from flows.issue.inert import Line
from flows.issue.issue import Id, Utc, Zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

LATEST = 60
TITLE = "Gridletter"

Kind = Literal["all", "newsletter", "zone"]
Rank = tuple[Utc, Id, Utc, Id]


class Shard(BaseModel):
    """A shard as JSON: the same content is the same bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def dump(self) -> bytes:
        """Return the shard as it stands in the archive."""
        return self.model_dump_json().encode() + b"\n"


class Title(Shard):
    """A newsletter's title as the newest of its issues has it, whose rank this is."""

    title: Line
    rank: Rank


class Place(Shard):
    """A zone as the newest of its issues has it, whose rank this is."""

    zone: Zone
    rank: Rank


T = TypeVar("T", Title, Place)


class Scope(Shard):
    """What a front page and a feed are made of: all issues, a newsletter's or a zone's.

    `name` is the newsletter's name, the zone's code, or empty for all. `latest` holds the newest
    `LATEST` issues by `Card.rank`, newest first, each in its newest rendering, superseded ones
    included. `months` are those that have an issue here, newest first.
    """

    kind: Kind
    name: str
    latest: tuple[Card, ...] = ()
    titles: dict[str, Title] = {}
    places: dict[str, Place] = {}
    months: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: Kind, name: str, cards: Iterable[Card] = ()) -> Self:
        """Return the scope that `cards`, which are all its own, give."""
        scope = cls(kind=kind, name=name)
        return scope.having(cards)

    def having(self, cards: Iterable[Card]) -> Self:
        """Return the scope with `cards` in it too."""
        titles, places, months = dict(self.titles), dict(self.places), set(self.months)
        latest = {card.issue_id: card for card in self.latest}
        for card in cards:
            if card.issue_id not in latest or latest[card.issue_id].rank < card.rank:
                latest[card.issue_id] = card
            _keep_newest(titles, card.newsletter, Title(title=card.title, rank=card.rank))
            _keep_newest(places, card.zone.code, Place(zone=card.zone, rank=card.rank))
            months.add(card.month)
        newest_first = sorted(latest.values(), key=lambda card: card.rank, reverse=True)
        return self.model_copy(
            update={
                "latest": tuple(newest_first[:LATEST]),
                "titles": dict(sorted(titles.items())),
                "places": dict(sorted(places.items())),
                "months": tuple(sorted(months, reverse=True)),
            }
        )

    @property
    def title(self) -> str:
        """The newsletter's title, the zone's name, or the archive's own."""
        if self.kind == "newsletter" and self.name in self.titles:
            return self.titles[self.name].title
        if self.kind == "zone" and self.name in self.places:
            return self.places[self.name].zone.name
        return TITLE if self.kind == "all" else self.name

    @property
    def newsletters(self) -> Mapping[str, str]:
        """The titles of the newsletters that have an issue here, by their names."""
        return {name: entry.title for name, entry in self.titles.items()}

    @property
    def zones(self) -> Mapping[str, Zone]:
        """The zones that have an issue here, by their codes."""
        return {code: place.zone for code, place in self.places.items()}

    @property
    def shown(self) -> tuple[Card, ...]:
        """The cards that no other one of `latest` supersedes."""
        return _without_superseded(self.latest)


class Day(Shard):
    """All issues whose period starts on `day` ("2026-11-24") in their zone's time.

    Each is there in its newest rendering; sorted by newsletter, zone, start and revision.
    """

    day: str
    cards: tuple[Card, ...] = ()

    def having(self, cards: Iterable[Card]) -> Self:
        """Return the day with `cards` in it too."""
        newest = {_place(card): card for card in self.cards}
        for card in cards:
            if _place(card) not in newest or newest[_place(card)].rank < card.rank:
                newest[_place(card)] = card
        in_order = sorted(newest.values(), key=_by_series)
        return self.model_copy(update={"cards": tuple(in_order)})

    @property
    def shown(self) -> tuple[Card, ...]:
        """The cards that no other one of the day supersedes."""
        return _without_superseded(self.cards)

    @property
    def counts(self) -> dict[str, int]:
        """How many issues of each newsletter there are."""
        return dict(sorted(Counter(card.newsletter for card in self.cards).items()))


class Month(Shard):
    """How many issues the days of `month` ("2026-11") have, by newsletter; titles by name."""

    month: str
    days: dict[str, dict[str, int]] = {}
    titles: dict[str, Title] = {}

    def having(self, day: Day) -> Self:
        """Return the month with `day` as it is now."""
        titles = dict(self.titles)
        for card in day.cards:
            _keep_newest(titles, card.newsletter, Title(title=card.title, rank=card.rank))
        days = {**self.days, day.day: day.counts}
        return self.model_copy(
            update={"days": dict(sorted(days.items())), "titles": dict(sorted(titles.items()))}
        )

    @property
    def newsletters(self) -> Mapping[str, str]:
        """The titles of the newsletters that have an issue in the month, by their names."""
        return {name: entry.title for name, entry in self.titles.items()}


class Days(Shard):
    """The days ("2026-11-24", oldest first) that have an issue: what the sitemap lists."""

    days: tuple[str, ...] = ()

    def having(self, days: Iterable[str]) -> Self:
        """Return the list with `days` in it too."""
        return self.model_copy(update={"days": tuple(sorted({*self.days, *days}))})


@dataclass(frozen=True)
class Around:
    """The neighbours of an issue; `previous` and `next` are of its newsletter and zone.

    They follow by start, creation and revision. What is superseded, or has a correction, has no
    place in that order: its page leads to what took its place, and changes no more after that.
    """

    previous: Card | None = None
    next: Card | None = None
    supersedes: Card | None = None
    superseded_by: Card | None = None
    corrected_by: Card | None = None
    corrects: Card | None = None


def _keep_newest(names: dict[str, T], name: str, entry: T) -> None:
    if name not in names or names[name].rank < entry.rank:
        names[name] = entry


def _place(card: Card) -> str:
    """Return the folder of the issue, which its corrections share."""
    return card.path.removesuffix(f"/{card.render_id}") if card.corrects else card.path


def _by_series(card: Card) -> tuple[object, ...]:
    return card.newsletter, card.zone.code, card.start, card.created, card.revision, card.path


def _without_superseded(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    superseded = {card.supersedes for card in cards}
    return tuple(card for card in cards if card.issue_id not in superseded)

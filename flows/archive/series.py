"""The issues of one newsletter about one zone: what comes before and after, what replaced what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.archive.card import Card  # noqa: TC001 - pydantic needs the types of its fields
from flows.archive.index import Shard
from flows.issue.inert import Line  # noqa: TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self


class Series(Shard):
    """The months ("2026-11", oldest first) in which a newsletter has issues about a zone."""

    months: tuple[str, ...] = ()

    def having(self, months: Iterable[str]) -> Self:
        """Return the list with `months` in it too."""
        return self.model_copy(update={"months": tuple(sorted({*self.months, *months}))})


class SeriesMonth(Shard):
    """The issues of one newsletter and zone whose period starts in `month`, in every rendering.

    Beside them stand issues from elsewhere that supersede one of these or that one of these
    supersedes: an outage keeps its identity while its period moves to another month.
    """

    newsletter: Line
    zone: Line
    month: str
    cards: tuple[Card, ...] = ()

    def having(self, cards: Iterable[Card]) -> Self:
        """Return the month with `cards` in it too."""
        by_path = {card.path: card for card in (*self.cards, *cards)}
        return self.model_copy(update={"cards": tuple(sorted(by_path.values(), key=in_order))})

    @property
    def own(self) -> tuple[Card, ...]:
        """The cards that are of this series and month."""
        here = (self.newsletter, self.zone, self.month)
        return tuple(
            card for card in self.cards if (card.newsletter, card.zone.code, card.month) == here
        )

    @property
    def current(self) -> tuple[Card, ...]:
        """The month's issues in order, each in its newest rendering, superseded ones left out."""
        superseded = {card.supersedes for card in self.cards}
        newest: dict[str, Card] = {}
        for card in self.own:
            known = newest.get(card.issue_id)
            if card.issue_id not in superseded and (known is None or known.rank < card.rank):
                newest[card.issue_id] = card
        return tuple(sorted(newest.values(), key=in_order))

    def renderings(self, issue_id: str | None) -> tuple[Card, ...]:
        """Return the cards of an issue, newest rendering last."""
        found = (card for card in self.cards if card.issue_id == issue_id)
        return tuple(sorted(found, key=lambda card: card.rank))

    def replacing(self, issue_id: str) -> tuple[Card, ...]:
        """Return the cards of what supersedes an issue, newest last."""
        found = (card for card in self.cards if card.supersedes == issue_id)
        return tuple(sorted(found, key=lambda card: card.rank))


def in_order(card: Card) -> tuple[object, ...]:
    """Order the cards of a series: by start, creation and revision, then by rendering."""
    return card.start, card.created, card.revision, *card.rank

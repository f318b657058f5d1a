"""A series as it stood when it was looked at: what is around each issue, and whose pages change."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from flows.archive import paths
from flows.archive.index import Around
from flows.archive.series import Series, SeriesMonth, in_order
from flows.archive.shards import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.archive.card import Card
    from flows.archive.shards import Shards
    from flows.archive.store import Store


class SeriesView:
    """The issues of one newsletter about one zone; each shard is read once, when it is needed."""

    def __init__(self, store: Store, shards: Shards, newsletter: str, zone_code: str) -> None:
        self.newsletter = newsletter
        self.zone_code = zone_code
        self._store = store
        self._shards = shards
        self._read: dict[str, bytes | None] = {}
        self._months: dict[str, _Month] = {}

    @cached_property
    def months(self) -> tuple[str, ...]:
        """The months that have issues, oldest first."""
        path = paths.series_shard(self.newsletter, self.zone_code)
        return (self._shards.parse(Series, path, self._get(path)) or Series()).months

    def own(self, month: str) -> tuple[Card, ...]:
        """Return the issues of a month, in every rendering.

        Raises:
            StorageError: there is no such month, or its shard is damaged.
        """
        return self._month(month).shard.own

    def around(self, card: Card) -> Around:
        """Return what is around an issue of this series."""
        month = self._month(card.month)
        has_place = card.path in month.in_place
        renderings = month.renderings.get(card.issue_id, [card])
        return Around(
            previous=self._before(card) if has_place else None,
            next=self._after(card) if has_place else None,
            supersedes=_last(month.renderings.get(card.supersedes)),
            superseded_by=_last(month.replacing.get(card.issue_id)),
            corrected_by=renderings[-1] if renderings[-1].rank > card.rank else None,
            corrects=next((c for c in renderings if c.render_id == card.corrects), None),
        )

    def touched_by(self, card: Card) -> Iterator[Card]:
        """Yield the cards of this series whose pages are not as they were before `card`."""
        month = self._month(card.month)
        replacing = {other.issue_id for other in month.replacing.get(card.issue_id, ())}
        for issue_id in {card.issue_id, card.supersedes, *replacing}:
            for other in month.renderings.get(issue_id, ()):
                if (other.newsletter, other.zone.code) == (self.newsletter, self.zone_code):
                    yield other
                    yield from filter(None, (self._before(other), self._after(other)))

    def still_holds(self) -> bool:
        """Return whether everything that was read stands as it was read."""
        return all(self._store.get(path) == data for path, data in self._read.items())

    def _month(self, month: str) -> _Month:
        if month not in self._months:
            path = paths.series_month_shard(self.newsletter, self.zone_code, month)
            shard = self._shards.parse(SeriesMonth, path, self._get(path))
            if shard is None:
                raise broken(path, "is gone")
            self._months[month] = _Month(shard)
        return self._months[month]

    def _before(self, card: Card) -> Card | None:
        """Return the last one in order before `card`."""
        for month in reversed(self.months[: bisect_right(self.months, card.month)]):
            found = self._month(month).before(card)
            if found is not None:
                return found
        return None

    def _after(self, card: Card) -> Card | None:
        """Return the first one in order after `card`."""
        for month in self.months[bisect_left(self.months, card.month) :]:
            found = self._month(month).after(card)
            if found is not None:
                return found
        return None

    def _get(self, path: str) -> bytes | None:
        if path not in self._read:
            self._read[path] = self._store.get(path)
        return self._read[path]


class _Month:
    """A month's cards by what they are looked up by."""

    def __init__(self, shard: SeriesMonth) -> None:
        self.shard = shard
        self.renderings: defaultdict[str | None, list[Card]] = defaultdict(list)
        self.replacing: defaultdict[str | None, list[Card]] = defaultdict(list)
        for card in sorted(shard.cards, key=lambda card: card.rank):
            self.renderings[card.issue_id].append(card)
            self.replacing[card.supersedes].append(card)
        self._current = shard.current
        self._keys = [in_order(card) for card in self._current]
        self.in_place = {card.path for card in self._current}

    def before(self, card: Card) -> Card | None:
        at = bisect_left(self._keys, in_order(card)) - 1
        # The newest rendering of the same issue stands where it stands itself.
        if at >= 0 and self._current[at].issue_id == card.issue_id:
            at -= 1
        return self._current[at] if at >= 0 else None

    def after(self, card: Card) -> Card | None:
        at = bisect_right(self._keys, in_order(card))
        if at < len(self._keys) and self._current[at].issue_id == card.issue_id:
            at += 1
        return self._current[at] if at < len(self._keys) else None


def _last(cards: list[Card] | None) -> Card | None:
    return cards[-1] if cards else None

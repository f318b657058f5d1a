"""The shards in the store: read, and changed one by one, each change whole or not at all."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from flows.archive import paths
from flows.archive.index import Day, Days, Month, Scope, Shard
from flows.archive.series import Series, SeriesMonth
from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flows.archive.card import Card
    from flows.archive.hands import Hands
    from flows.archive.index import Kind
    from flows.archive.store import Store

S = TypeVar("S", bound=Shard)

_MOST_KNOWN: Final = 32


class Shards:
    """What is known of the issues; see `flows.archive.index`."""

    def __init__(self, store: Store, hands: Hands) -> None:
        self._store = store
        self._hands = hands
        self._known: OrderedDict[str, tuple[bytes, Shard]] = OrderedDict()
        self._lock = Lock()

    def get(self, kind: type[S], path: str) -> S | None:
        """Return the shard at `path`, None where there is none.

        Raises:
            StorageError: it is damaged, or can't be read.
        """
        return self.parse(kind, path, self._store.get(path))

    def parse(self, kind: type[S], path: str, data: bytes | None) -> S | None:
        """Return the shard that stands as `data` at `path`, None where it is None.

        Raises:
            StorageError: it is damaged.
        """
        if data is None:
            return None
        with self._lock:
            known, shard = self._known.get(path, (None, None))
        if known == data and isinstance(shard, kind):
            return shard
        try:
            parsed = kind.model_validate_json(data)
        except ValidationError as error:
            raise broken(path, "is damaged") from error
        self._remember(path, data, parsed)
        return parsed

    def add(self, card: Card, linked: Sequence[Card]) -> None:
        """Add the card to every shard that it belongs to.

        What is listed by another shard is written before that one, so that a shard which is listed
        but not there is known to be lost, and no new one takes its place with one card in it.

        Args:
            card: Of the issue that was published.
            linked: Of what it supersedes or is superseded by, in another series or month.

        Raises:
            StorageError: a shard is damaged or lost, or can't be written.
        """
        newsletter, zone, day = card.newsletter, card.zone.code, card.day.isoformat()
        everything = self.get(Scope, paths.scope_shard("all", ""))
        days = self.get(Days, paths.DAYS)
        in_all = everything or Scope(kind="all", name="")
        jobs: list[Callable[[], None]] = [
            lambda: self.link(card, linked),
            lambda: self.change(
                Day,
                paths.day_shard(day),
                lambda known: (known or Day(day=day)).having([card]),
                listed=days is not None and day in days.days,
            ),
        ]
        self._hands.all(jobs)
        self._hands.all(
            [
                lambda: self.change(
                    Series,
                    paths.series_shard(newsletter, zone),
                    lambda known: (known or Series()).having([card.month]),
                ),
                lambda: self._add_to_month(card.month, day, listed=card.month in in_all.months),
                lambda: self._add_to_scope(
                    "newsletter", newsletter, card, listed=newsletter in in_all.titles
                ),
                lambda: self._add_to_scope("zone", zone, card, listed=zone in in_all.places),
                lambda: self.change(
                    Days,
                    paths.DAYS,
                    lambda known: (known or Days()).having([day]),
                    listed=everything is not None,
                ),
            ]
        )
        self._add_to_scope("all", "", card, listed=False)

    def link(self, card: Card, linked: Sequence[Card]) -> None:
        """Add the card to its month, and to the months of what it is linked with; see `add`."""
        self._add_to_series_month(card, [card, *linked])
        for other in linked:
            self._add_to_series_month(other, [card])

    def change(
        self, kind: type[S], path: str, change: Callable[[S | None], S], *, listed: bool = False
    ) -> None:
        """Put in place of the shard at `path` what `change` makes of it.

        Args:
            kind: The shard's class.
            path: Where it stands.
            change: Is given what stands, None where nothing does; may be called again.
            listed: Another shard says that there is one.

        Raises:
            StorageError: it is damaged or lost, or can't be written.
        """

        def changed(data: bytes | None) -> bytes:
            known = self.parse(kind, path, data)
            if known is None and listed:
                raise broken(path, "is gone")
            shard = change(known)
            dumped = shard.dump()
            self._remember(path, dumped, shard)
            return dumped

        self._store.update(path, changed)

    def _remember(self, path: str, data: bytes, shard: Shard) -> None:
        """Keep the shard, which its page is made from next, instead of parsing it once more."""
        with self._lock:
            self._known[path] = data, shard
            self._known.move_to_end(path)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def _add_to_series_month(self, card: Card, cards: Iterable[Card]) -> None:
        """Add `cards` to the month that `card` is of."""
        newsletter, zone, month = card.newsletter, card.zone.code, card.month
        series = self.get(Series, paths.series_shard(newsletter, zone))
        self.change(
            SeriesMonth,
            paths.series_month_shard(newsletter, zone, month),
            lambda known: (
                known or SeriesMonth(newsletter=newsletter, zone=zone, month=month)
            ).having(cards),
            listed=series is not None and month in series.months,
        )

    def _add_to_month(self, month: str, day: str, *, listed: bool) -> None:
        def having_the_day(known: Month | None) -> Month:
            # Read now: of two that change the month, the later one writes what both added.
            now = self.get(Day, paths.day_shard(day)) or Day(day=day)
            return (known or Month(month=month)).having(now)

        self.change(Month, paths.month_shard(month), having_the_day, listed=listed)

    def _add_to_scope(self, kind: Kind, name: str, card: Card, *, listed: bool) -> None:
        self.change(
            Scope,
            paths.scope_shard(kind, name),
            lambda known: (known or Scope(kind=kind, name=name)).having([card]),
            listed=listed,
        )


def broken(path: str, how: str) -> StorageError:
    """Return the error that says `how` a shard is broken, and what mends it."""
    return StorageError(
        f"{path} {how}; the issues themselves are not touched by that",
        remedy="Run gridletter site build, then publish the same message again.",
        path=path,
    )

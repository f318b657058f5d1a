"""Pages from shards: each is written until it agrees with the shard that it is made from.

Whoever changes a shard writes its page afterwards, then looks at the shard again. So the last one
to write a page has seen the shard as it is, however many publish at once; and a page that was
written over with an older one is put right by whoever wrote the older one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flows.archive import pages, paths
from flows.archive.index import Day, Days, Month, Scope, Shard
from flows.archive.records import missing
from flows.archive.view import SeriesView
from flows.errors import StorageError
from flows.issue import ARTICLE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flows.archive.card import Card
    from flows.archive.hands import Hands
    from flows.archive.index import Around, Kind
    from flows.archive.records import Records
    from flows.archive.shards import Shards
    from flows.archive.store import Store

S = TypeVar("S", bound=Shard)


class Writer:
    """Writes pages, feeds and sitemaps for readers who find the archive at `url`."""

    def __init__(
        self, store: Store, hands: Hands, records: Records, shards: Shards, url: str
    ) -> None:
        self._store = store
        self._hands = hands
        self._records = records
        self._shards = shards
        self._url = url

    def scope(self, kind: Kind, name: str) -> None:
        """Write page and feed of a scope."""
        folder = paths.scope_folder(kind, name)
        page = {
            "all": pages.front_page,
            "newsletter": pages.newsletter_page,
            "zone": pages.zone_page,
        }[kind]
        self._agree(
            Scope,
            paths.scope_shard(kind, name),
            lambda scope: {
                f"{folder}{paths.PAGE}": page(scope, self._url),
                f"{folder}{paths.FEED}": pages.feed(scope, self._url),
            },
        )

    def month(self, month: str) -> None:
        """Write the page of a month."""
        self._agree(
            Month,
            paths.month_shard(month),
            lambda shard: {paths.month_page(month): pages.month_page(shard, self._url)},
        )

    def day(self, day: str) -> None:
        """Write page and sitemap of a day."""
        self._agree(
            Day,
            paths.day_shard(day),
            lambda shard: {
                paths.day_page(day): pages.day_page(shard, self._url),
                paths.day_sitemap(day): pages.day_sitemap(shard, self._url),
            },
        )

    def days(self) -> None:
        """Write the sitemap of the days' sitemaps, and what tells robots of it."""
        self._agree(
            Days,
            paths.DAYS,
            lambda shard: {
                paths.SITEMAP: pages.sitemap_index(shard.days, self._url),
                paths.ROBOTS: pages.robots(self._url),
            },
        )

    def issues(
        self,
        newsletter: str,
        zone_code: str,
        wanted: Callable[[SeriesView], Iterable[Card]],
        report: Callable[[StorageError], None],
    ) -> None:
        """Write the pages of the issues of a series that `wanted` names.

        Args:
            newsletter: The series' newsletter.
            zone_code: The series' zone.
            wanted: Is asked again when the series has changed meanwhile.
            report: Is told which issue's files are damaged; its page stays as it is.
        """
        while True:
            view = SeriesView(self._store, self._shards, newsletter, zone_code)
            cards = {card.path: card for card in wanted(view)}
            # What each page takes from the view is read here, and not by many threads at once.
            arounds = [(card, view.around(card)) for card in cards.values()]
            self._hands.each(lambda each: self._issue(*each, report), arounds)
            if view.still_holds():
                return

    def _issue(self, card: Card, around: Around, report: Callable[[StorageError], None]) -> None:
        try:
            issue = self._records.load(card.path)
            if issue is None:
                raise missing(f"{card.path}/{paths.RECORD}")
            article = self._records.file(issue, ARTICLE_FILE).decode()
        except StorageError as error:
            report(error)
            return
        page = pages.issue_page(issue, article, around, self._url)
        self._write({f"{card.path}/{paths.PAGE}": page})

    def _agree(self, kind: type[S], path: str, render: Callable[[S], Mapping[str, bytes]]) -> None:
        data = self._store.get(path)
        while (shard := self._shards.parse(kind, path, data)) is not None:
            self._write(render(shard))
            now = self._store.get(path)
            if now == data:
                return
            data = now

    def _write(self, files: Mapping[str, bytes]) -> None:
        """Write what is not so already: a page that stays keeps its age, for caches and copies."""
        for path, data in files.items():
            if self._store.get(path) != data:
                self._store.put(path, data)

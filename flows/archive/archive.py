"""Issues in the archive: written once, found by newsletter, bidding zone and day.

`issue.json` is written last and only where none stands: an issue is in the archive when that object
is, and not before. What an interrupted run left behind is written over by the next one. All other
pages are derived from the records; `settle` brings up to date what one issue touches.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from flows.archive import paths
from flows.archive.card import Card
from flows.archive.hands import Hands
from flows.archive.index import Scope
from flows.archive.paths import RECORD
from flows.archive.pending import PUBLISHER_LEASE, Pending
from flows.archive.rebuild import Rebuild
from flows.archive.records import Records
from flows.archive.search import Search
from flows.archive.search_beside import rebuilt_beside
from flows.archive.shards import Shards
from flows.archive.writer import Writer
from flows.errors import StorageError
from flows.issue import DOCUMENT_FILE, MAIL_FILE, TEXT_FILE, Issue, slug, with_cids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from flows.archive.index import Kind
    from flows.archive.rebuild import Progress, Rebuilt
    from flows.archive.store import Store
    from flows.archive.view import SeriesView
    from flows.document import MarketDocument

_LOG: Final = logging.getLogger(__name__)
_LOOK_BACK_DAYS: Final = 7
# One publisher does not make good for a long outage alone: its own readers wait.
_MOST_LEFT: Final = 10
# A mark without an issue, which nobody will write after so long.
_FORGOTTEN: Final = timedelta(days=1)


class Archive:
    """The issues in `store`; `url` (with a slash at its end) is where readers find them.

    A publisher that was not heard of for `lease` is taken for dead: others finish what it began.
    """

    def __init__(self, store: Store, url: str, lease: timedelta = PUBLISHER_LEASE) -> None:
        self.store = store
        self.url = url
        self._hands = Hands(store)
        self._records = Records(store)
        self._shards = Shards(store, self._hands)
        self._writer = Writer(store, self._hands, self._records, self._shards, url)
        self._pending = Pending(store, lease)
        self._search = Search(store, self._hands, self._shards)
        self._to_search: set[str] = set()

    def page_url(self, issue_path: str) -> str:
        """Return the address of the issue's page."""
        return f"{self.url}{issue_path}/{paths.PAGE}"

    def load(self, issue_path: str) -> Issue | None:
        """Return the issue at `issue_path`, or None where there is none (yet).

        Raises:
            StorageError: its record is damaged, or can't be read.
        """
        return self._records.load(issue_path)

    def file(self, issue: Issue, name: str) -> bytes:
        """Return a file of the issue.

        Raises:
            StorageError: it is gone from the archive or damaged, or can't be read.
        """
        return self._records.file(issue, name)

    def document(self, issue: Issue | None) -> str:
        """Return the market document behind `issue`, as XML text; empty where there is no issue."""
        return "" if issue is None else self.file(issue, DOCUMENT_FILE).decode()

    def mail(self, issue: Issue) -> tuple[str, str, dict[str, bytes]]:
        """Return the issue's mail: HTML with `cid:` images, text, and charts as PNG by name."""
        charts = {figure.name: self.file(issue, figure.name) for figure in issue.figures}
        html = with_cids(self.file(issue, MAIL_FILE).decode(), issue.figures)
        return html, self.file(issue, TEXT_FILE).decode(), charts

    def commit(self, issue: Issue, files: Mapping[str, bytes]) -> bool:
        """Write the issue's `files` and its record; return False where it stood already.

        The issue is then to be settled, also where it stood already.

        Raises:
            StorageError: something can't be written; the issue is then not in the archive.
        """
        record = f"{issue.path}/{RECORD}"
        with self._pending.claim(
            issue.path, lambda: self.store.get(record) is not None
        ) as still_here:
            if still_here is None:
                return False
            for name, data in files.items():
                still_here()
                self.store.put(f"{issue.path}/{name}", data)
            still_here()
            if issue.corrects is None:
                # Before the record, so that no issue is without it; till then it leads nowhere.
                self._records.add_revision(issue)
            return self.store.create(record, issue.model_dump_json(indent=1).encode() + b"\n")

    def settle(self, issue: Issue) -> None:
        """Bring up to date what the issue touches: its page, its neighbours', indexes and feeds.

        Settling again changes nothing. What other publishers left when they were killed is settled
        as well.

        Raises:
            StorageError: something can't be read or written, or is damaged; says what.
        """
        self._settle(issue.path)
        for path in self._pending.settled(issue.path)[:_MOST_LEFT]:
            try:
                if self._settle(path):
                    self._pending.settled(path)
            except StorageError as error:
                _LOG.warning("an issue that another publisher left can't be settled: %s", error)

    def refresh_search(self) -> None:
        """Let the search find what was settled here since the last time.

        Once for many issues: what it takes depends on the days that they are of.

        Raises:
            StorageError: something can't be read or written.
            RenderError: Pagefind is not installed, or failed.
        """
        days = sorted(self._to_search)
        self._to_search.difference_update(days)
        self._search.refresh(days)

    def search_anew(self, issue: Issue) -> None:
        """Have `refresh_search` see to the issue's day, for it may have been killed before."""
        self._to_search.add(Card.of(issue).day.isoformat())

    def rebuild(self, progress: Progress) -> Rebuilt:
        """Make everything derived anew; return what was found. Publishers may go on meanwhile.

        Args:
            progress: Is told what is done, how much of it, and how much there is to do.

        Raises:
            StorageError: something can't be written. A damaged file is reported, and stops nothing.
            RenderError: Pagefind is not installed, or failed; all but the search is as it should.
        """
        with self._pending.rebuilding() as still_here:
            rebuild = Rebuild(
                self.store,
                self._hands,
                self._records,
                self._shards,
                self._writer,
                still_here,
                progress,
            )
            with rebuilt_beside(self._search, self.store.address, rebuild.index()):
                rebuilt = rebuild.write()
                self._settle_pending()
                self._pending.sweep()
        # What was left by those who saw the rebuild just before it ended.
        self._settle_pending()
        self.refresh_search()
        return rebuilt

    def _settle_pending(self) -> None:
        for mark in self._pending.publishers():
            try:
                is_issue = self._settle(mark.issue_path)
            except StorageError as error:
                _LOG.warning("an issue that is being published can't be settled: %s", error)
                continue
            if is_issue or mark.is_left(_FORGOTTEN):
                self._pending.remove(mark.issue_path)

    def _settle(self, path: str) -> bool:
        """Settle the issue whose record stands at `path`; return False where there is none."""
        issue = self._records.load(path)
        if issue is None:
            return False
        card = Card.of(issue)
        # A correction takes the place of what it corrects, where that is; nothing more moves.
        linked = [Card.of(other) for other in self._records.linked(issue)]
        self._shards.add(card, linked if issue.corrects is None else [])
        damaged: list[StorageError] = []
        touched: defaultdict[tuple[str, str], list[Card]] = defaultdict(list)
        for each in (card, *linked):
            touched[each.newsletter, each.zone.code].append(each)
        day = card.day.isoformat()
        self._to_search.add(day)
        self._hands.all(
            [
                lambda: self._writer.scope("all", ""),
                lambda: self._writer.scope("newsletter", card.newsletter),
                lambda: self._writer.scope("zone", card.zone.code),
                lambda: self._writer.month(card.month),
                lambda: self._writer.day(day),
                self._writer.days,
            ]
        )
        for (newsletter, zone_code), cards in touched.items():
            self._writer.issues(newsletter, zone_code, partial(_touched, cards), damaged.append)
        for error in damaged:
            if str(error.data["path"]).startswith(f"{path}/"):
                raise error
            _LOG.warning("a page stays as it is: %s", error)
        return True

    def scope(self, kind: Kind = "all", name: str = "") -> Scope:
        """Return the newest issues and what else there is: of all, of a newsletter or of a zone.

        Raises:
            StorageError: the shard is damaged, or can't be read.
        """
        found = self._shards.get(Scope, paths.scope_shard(kind, name))
        return found or Scope(kind=kind, name=name)

    def revisions(self, newsletter: str, document: MarketDocument) -> list[Issue]:
        """Return the issues about the same document key, lowest revision first."""
        found = map(self.load, self._records.revisions(newsletter, document.key))
        return sorted(
            (issue for issue in found if issue is not None), key=lambda issue: issue.revision
        )

    def previous(self, newsletter: str, document: MarketDocument) -> Issue | None:
        """Return the issue that readers had last for the zone, before `document`.

        That is the latest of the same period where there is one (an earlier forecast or revision),
        else the latest of the days before, within a week.
        """
        day = _day(document)
        for back in range(_LOOK_BACK_DAYS + 1):
            found = [
                issue
                for issue in self._on(newsletter, document.zone.code, day - timedelta(days=back))
                if (issue.document_key, issue.revision) != (document.key, document.revision)
                and issue.created <= document.created
            ]
            if found:
                return max(found, key=lambda issue: (issue.created, issue.revision))
        return None

    def covering(
        self, newsletter: str, document: MarketDocument, process_type: str
    ) -> Issue | None:
        """Return the newest issue of `process_type` whose period holds that of `document`."""
        day = _day(document)
        found = [
            issue
            for back in range(_LOOK_BACK_DAYS + 1)
            for issue in self._on(newsletter, document.zone.code, day - timedelta(days=back))
            if issue.process_type == process_type
            and issue.start <= document.start
            and issue.end >= document.end
        ]
        return max(found, key=lambda issue: (issue.created, issue.revision), default=None)

    def _on(self, newsletter: str, zone_code: str, day: date) -> Iterator[Issue]:
        folder = f"issues/{slug(newsletter)}/{slug(zone_code)}/{day.year:04d}/{day:%m-%d}"
        for issue_id in self.store.folders(folder):
            issue = self.load(f"{folder}/{issue_id}")
            if issue is not None:
                yield issue


def _touched(cards: Iterable[Card], view: SeriesView) -> Iterator[Card]:
    for card in cards:
        yield from view.touched_by(card)


def _day(document: MarketDocument) -> date:
    return document.start.astimezone(ZoneInfo(document.zone.tz)).date()

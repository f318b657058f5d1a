"""The search index in the archive: a bundle for each span of days.

    search/index.html                     the page, see `search_page`
    search/search.js, search/pagefind/…   what it runs, the same for every archive
    search/months/2026-11.json            the month's spans, each with a tag of its bundle
    search/bundles/2026-11/<span>/…       a bundle
    search/tasks/2026-11.json             what is to be done, see `search_tasks`

Files are written before what leads to them and removed after, so that a reader who begins at the
month meets whole bundles only. One who began earlier sees by the tag that he is to begin anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from flows.archive import paths, search_tasks
from flows.archive.index import Day, Days, Month, Scope
from flows.archive.search_bundle import Span, bundle, spans
from flows.archive.search_engine import STAMP, engine
from flows.archive.search_page import PAGE, search_page
from flows.archive.search_pagefind import ENTRY, LANGUAGE
from flows.archive.search_tasks import Tasks
from flows.archive.shards import broken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from flows.archive.card import Card
    from flows.archive.hands import Hands
    from flows.archive.shards import Shards
    from flows.archive.store import Store

FOLDER: Final = "search"
_MONTHS: Final = f"{FOLDER}/months"
_BUNDLES: Final = f"{FOLDER}/bundles"


class Search:
    """The search index of the archive in `store`. `hands` must not be the ones that call it."""

    def __init__(self, store: Store, hands: Hands, shards: Shards) -> None:
        self._store = store
        self._hands = hands
        self._shards = shards
        self._tasks = Tasks(store)

    def note(self, day: str) -> None:
        """Remember that `day` ("2026-11-24") is to be refreshed, whoever refreshes its month next.

        Raises:
            StorageError: that can't be written.
        """
        self._tasks.note(day[:7], [day])

    def refresh(self, days: Iterable[str]) -> None:
        """Return when `days`, and what was noted in their months, can be found as they are.

        Call it when their shards stand, and those of their months. One of many who call it at once
        does the work of all. What it takes depends on how many issues a day has, and not on the
        size of the archive.

        Raises:
            StorageError: something can't be read or written; the days stay noted.
            RenderError: Pagefind is not installed, or failed; the same.
        """
        if self._store.get(f"{FOLDER}/{STAMP}") != engine()[STAMP]:
            self._put_engine()
        for month, its_days in _by_month(days).items():
            self._refresh(month, its_days, anew=False)
        self._write_page()

    def rebuild(self) -> Iterator[str]:
        """Make the index of every month anew, and remove what is of none; yield each when done.

        Raises:
            StorageError: as `refresh`.
            RenderError: as `refresh`.
        """
        # Listed first: what a publisher adds from now on is none of what may be removed.
        parts = (_MONTHS, _BUNDLES, search_tasks.FOLDER)
        before = [path for part in parts for path in self._store.list(part)]
        self._put_engine()
        known = self._shards.get(Days, paths.DAYS)
        by_month = _by_month(known.days if known else ())
        for month, its_days in by_month.items():
            while not self._refresh(month, its_days, anew=True):
                pass  # a publisher did it, who leaves what seems to stand
            yield month
        kept = tuple(f"{part}/{month}" for part in parts for month in by_month)
        self._store.delete(path for path in before if not path.startswith(kept))
        self._write_page()

    def _refresh(self, month: str, days: Collection[str], *, anew: bool) -> bool:
        """Return when the days are done; return whether that was here. `anew` trusts no file."""
        return self._tasks.do(month, days, lambda days: self._write(month, days, anew=anew))

    def _write(self, month: str, days: Collection[str], *, anew: bool) -> None:
        shard = self._shards.get(Month, paths.month_shard(month))
        if shard is None:
            raise broken(paths.month_shard(month), "is gone")
        counts = {day: sum(each.values()) for day, each in shard.days.items()}
        before = {} if anew else _tags(self._store.get(_month(month)))
        tags: dict[str, str] = {}
        stale: list[str] = []
        for span in spans(month, counts):
            if span.name in before and not set(days) & set(span.days):
                tags[span.name] = before[span.name]
            else:
                tags[span.name], unused = self._write_bundle(span, counts, anew=anew)
                stale += unused
        self._store.put(_month(month), json.dumps(tags, indent=0).encode() + b"\n")
        for name in set(self._store.folders(f"{_BUNDLES}/{month}")) - set(tags):
            stale += self._store.list(f"{_BUNDLES}/{month}/{name}")
        self._store.delete(stale)

    def _write_bundle(
        self, span: Span, counts: Mapping[str, int], *, anew: bool
    ) -> tuple[str, list[str]]:
        """Write the bundle; return its tag, and the paths of what it has no use for any more."""
        files = bundle(self._cards([day for day in span.days if counts.get(day)]))
        folder = f"{_BUNDLES}/{span.month}/{span.name}"
        standing = set(self._store.list(folder))
        new = {f"{folder}/{name}": data for name, data in files.items() if name != ENTRY}
        missing = [path for path in new if anew or path not in standing]
        self._hands.each(lambda path: self._store.put(path, new[path]), missing)
        entry = f"{folder}/{ENTRY}"
        self._store.put(entry, files[ENTRY])
        return _tag(files[ENTRY]), sorted(standing - set(new) - {entry})

    def _cards(self, days: Iterable[str]) -> list[Card]:
        cards: list[Card] = []

        def read(day: str) -> None:
            shard = self._shards.get(Day, paths.day_shard(day))
            if shard is None:
                raise broken(paths.day_shard(day), "is gone")
            cards.extend(shard.shown)

        self._hands.each(read, days)
        return cards

    def _write_page(self) -> None:
        """Write the page until it offers what there is, however many publish at once."""
        page = None
        while (now := self._page()) != page:
            page = now
            if self._store.get(PAGE) != page:
                self._store.put(PAGE, page)

    def _page(self) -> bytes:
        scope = self._shards.get(Scope, paths.scope_shard("all", ""))
        return search_page(scope or Scope(kind="all", name=""))

    def _put_engine(self) -> None:
        # The stamp comes last: where it stands, all of it does.
        for name, data in engine().items():
            self._store.put(f"{FOLDER}/{name}", data)


def _by_month(days: Iterable[str]) -> Mapping[str, list[str]]:
    by_month: defaultdict[str, list[str]] = defaultdict(list)
    for day in days:
        by_month[day[:7]].append(day)
    return by_month


def _month(month: str) -> str:
    return f"{_MONTHS}/{month}.json"


def _tags(data: bytes | None) -> dict[str, str]:
    """Return the month's spans; none, so that all are made anew, where they are damaged."""
    try:
        return dict(json.loads(data or b"{}"))
    except (TypeError, ValueError):
        return {}


def _tag(entry: bytes) -> str:
    """Return the name of what a bundle holds."""
    found: dict[str, Any] = json.loads(entry)
    return str(found["languages"][LANGUAGE]["hash"])

"""Everything derived, made anew from the records: the same bytes as publication gives.

First the shards, month by month, so that memory holds the issues of one month only; then the pages
from the shards; then what nothing accounts for is removed. Publishers may go on meanwhile: what
they add is settled once more at the end, see `flows.archive.pending`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from flows.archive import paths
from flows.archive.card import Card
from flows.archive.index import Day, Days, Month, Scope
from flows.archive.records import missing, parse_record
from flows.archive.series import Series, SeriesMonth
from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flows.archive.hands import Hands
    from flows.archive.index import Kind, Shard
    from flows.archive.records import Records
    from flows.archive.shards import Shards
    from flows.archive.store import Store
    from flows.archive.view import SeriesView
    from flows.archive.writer import Writer

    Progress = Callable[[str, int, int], None]

K = TypeVar("K")

# Kept though derived: publishers write these before the record, and without it they lead nowhere.
_KEPT: Final = ("index/revisions/", f"{paths.PENDING}/")


@dataclass
class Rebuilt:
    """What a rebuild found: how many issues, what is damaged, how many files were removed."""

    issues: int = 0
    removed: int = 0
    damaged: list[StorageError] = field(default_factory=list)


@dataclass(frozen=True)
class _Folder:
    """A day of a series: where its issues stand."""

    newsletter: str
    zone: str
    day: str

    @property
    def path(self) -> str:
        return f"issues/{self.newsletter}/{self.zone}/{self.day[:4]}/{self.day[5:]}"


class Rebuild:
    """One rebuild: `index`, then `write`.

    `still_here` is called now and then, `progress` with what, how much is done and of how much.
    A damaged or missing file stops nothing: it is reported, and the rest is made.
    """

    def __init__(
        self,
        store: Store,
        hands: Hands,
        records: Records,
        shards: Shards,
        writer: Writer,
        still_here: Callable[[], None],
        progress: Progress,
    ) -> None:
        self._store = store
        self._hands = hands
        self._records = records
        self._shards = shards
        self._writer = writer
        self._still_here = still_here
        self._progress = progress
        self._found = Rebuilt()
        self._before: set[str] = set()
        self._scopes: dict[tuple[Kind, str], Scope] = {}
        self._series: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._sizes: dict[tuple[str, str, str], int] = {}
        self._days: list[str] = []
        # Of issues that supersede one of another month: few.
        self._reaching: list[str] = []

    def index(self) -> int:
        """Make all shards, from which all else is made; return how many issues there are."""
        # Listed first: what a publisher adds from now on is none of what may be removed.
        self._before = {
            path
            for folder in paths.DERIVED_FOLDERS
            for path in self._store.list(folder)
            if not path.startswith(_KEPT)
        }
        self._index()
        self._link()
        return self._found.issues

    def write(self) -> Rebuilt:
        """Make all pages, and remove what nothing accounts for; return what was found."""
        self._write_pages()
        unaccounted = sorted(self._before - self._accounted())
        self._store.delete(unaccounted)
        self._found.removed += len(unaccounted)
        self._found.damaged.sort(key=lambda error: str(error.data["path"]))
        return self._found

    def _index(self) -> None:
        """Read all records, oldest month first, and write the shards."""
        folders = list(self._folders())
        by_month: defaultdict[str, list[_Folder]] = defaultdict(list)
        for folder in folders:
            by_month[folder.day[:7]].append(folder)
        done = 0
        self._scopes["all", ""] = Scope(kind="all", name="")
        for month in sorted(by_month):
            cards: list[Card] = []
            self._hands.each(partial(self._read, cards), by_month[month])
            self._index_month(month, sorted(cards, key=lambda card: card.path))
            done += len(by_month[month])
            self._progress("indexing", done, len(folders))
            self._still_here()
        for (newsletter, zone), months in self._series.items():
            self._replace(paths.series_shard(newsletter, zone), Series().having(months))
        self._replace(paths.DAYS, Days().having(self._days))
        for (kind, name), scope in reversed(self._scopes.items()):
            self._replace(paths.scope_shard(kind, name), scope)

    def _folders(self) -> Iterator[_Folder]:
        """Yield the days that have a folder; anything else below `issues/` is not ours."""
        for newsletter in self._store.folders("issues"):
            for zone in self._store.folders(f"issues/{newsletter}"):
                for year in self._store.folders(f"issues/{newsletter}/{zone}"):
                    for day in self._store.folders(f"issues/{newsletter}/{zone}/{year}"):
                        folder = _Folder(newsletter, zone, f"{year}-{day}")
                        if paths.is_issue(f"{folder.path}/{'0' * 20}"):
                            yield folder

    def _read(self, cards: list[Card], folder: _Folder) -> None:
        """Add the issues of a day to `cards`, and report what is damaged or missing."""
        names: defaultdict[str, set[str]] = defaultdict(set)
        for path in self._store.list(folder.path):
            issue_path, _, name = path.rpartition("/")
            names[issue_path].add(name)
        for issue_path in sorted(filter(paths.is_issue, names)):
            record = self._store.get(f"{issue_path}/{paths.RECORD}")
            if record is None:
                if paths.PAGE in names[issue_path]:
                    self._store.delete([f"{issue_path}/{paths.PAGE}"])
                    self._found.removed += 1
                continue
            try:
                issue = parse_record(issue_path, record)
            except StorageError as error:
                self._found.damaged.append(error)
                continue
            gone = sorted(issue.files.keys() - names[issue_path])
            self._found.damaged += [missing(f"{issue_path}/{name}") for name in gone]
            if issue.corrects is None:
                self._records.add_revision(issue)
            cards.append(Card.of(issue))

    def _index_month(self, month: str, cards: Sequence[Card]) -> None:
        """Write the shards that are the month's own, and remember what is not."""
        if not cards:
            return
        self._found.issues += len(cards)
        for (newsletter, zone), own in _grouped(cards, lambda c: (c.newsletter, c.zone.code)):
            ids = {card.issue_id for card in own}
            self._reaching += [
                card.path
                for card in own
                if card.corrects is None and card.supersedes and card.supersedes not in ids
            ]
            shard = SeriesMonth(newsletter=newsletter, zone=zone, month=month).having(own)
            self._replace(paths.series_month_shard(newsletter, zone, month), shard)
            self._series[newsletter, zone].append(month)
            self._sizes[newsletter, zone, month] = len(own)
        of_month = Month(month=month)
        for name, own in sorted(_grouped(cards, lambda card: card.day.isoformat())):
            day = Day(day=name).having(own)
            self._replace(paths.day_shard(name), day)
            self._days.append(name)
            of_month = of_month.having(day)
        self._replace(paths.month_shard(month), of_month)
        self._add_to_scope("all", "", cards)
        for name, own in _grouped(cards, lambda card: card.newsletter):
            self._add_to_scope("newsletter", name, own)
        for name, own in _grouped(cards, lambda card: card.zone.code):
            self._add_to_scope("zone", name, own)

    def _add_to_scope(self, kind: Kind, name: str, cards: Iterable[Card]) -> None:
        scope = self._scopes.get((kind, name), Scope(kind=kind, name=name))
        self._scopes[kind, name] = scope.having(cards)

    def _link(self) -> None:
        """Add to the months what reaches into them from another one."""
        for path in self._reaching:
            issue = self._records.load(path)
            if issue is not None:
                linked = [Card.of(other) for other in self._records.linked(issue)]
                self._shards.link(Card.of(issue), linked)

    def _write_pages(self) -> None:
        self._hands.all(
            [
                *(partial(self._writer.scope, *each) for each in self._scopes),
                self._writer.days,
            ]
        )
        self._hands.each(self._writer.month, sorted({day[:7] for day in self._days}))
        self._hands.each(self._writer.day, self._days)
        done = 0
        for (newsletter, zone, month), size in self._sizes.items():
            self._writer.issues(
                newsletter,
                zone,
                partial(_own, month),
                self._report_once,
            )
            done += size
            self._progress("writing pages", done, self._found.issues)
            self._still_here()

    def _report_once(self, error: StorageError) -> None:
        """Report a damaged file, unless its absence was found when the records were read."""
        path = error.data["path"]
        if all(known.data["path"] != path for known in self._found.damaged):
            self._found.damaged.append(error)

    def _accounted(self) -> set[str]:
        """Return where all that is derived stands, but for the issues' own pages."""
        accounted = {paths.DAYS}
        for kind, name in self._scopes:
            folder = paths.scope_folder(kind, name)
            accounted |= {f"{folder}{paths.PAGE}", f"{folder}{paths.FEED}"}
            accounted.add(paths.scope_shard(kind, name))
        for day in self._days:
            accounted |= {paths.day_shard(day), paths.day_page(day), paths.day_sitemap(day)}
            accounted |= {paths.month_shard(day[:7]), paths.month_page(day[:7])}
        for newsletter, zone in self._series:
            accounted.add(paths.series_shard(newsletter, zone))
        accounted |= {paths.series_month_shard(*each) for each in self._sizes}
        return accounted

    def _replace(self, path: str, shard: Shard) -> None:
        # By `update`, so that a publisher who has read the old shard does not put it back.
        self._store.update(path, lambda _: shard.dump())


def _own(month: str, view: SeriesView) -> tuple[Card, ...]:
    return view.own(month)


def _grouped(cards: Iterable[Card], key: Callable[[Card], K]) -> Iterable[tuple[K, list[Card]]]:
    groups: defaultdict[K, list[Card]] = defaultdict(list)
    for card in cards:
        groups[key(card)].append(card)
    return groups.items()

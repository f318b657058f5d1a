"""What a backfill has to do: which newsletters about which documents, and in which order.

Documents are read once to plan and again when their turn comes: memory holds where they are, not
what is in them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows import document as documents
from flows import issue as issues
from flows.archive import paths
from flows.document import Acknowledgement
from flows.errors import GridletterError, MessageError
from flows.outcome import Outcome, nobody_listens, nothing_to_publish
from flows.sources import read_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from flows.archive import Archive
    from flows.document import MarketDocument, Payload
    from flows.notebook.newsletter import Newsletter

SUFFIXES: Final = frozenset({".xml", ".zip", ".gz"})
"""Which files of a folder are taken for messages; a file that is named is one whatever its name."""
# Documents of one message follow one another, but for those of other zones in between.
_MESSAGES_IN_MEMORY: Final = 4


@dataclass(frozen=True)
class Entry:
    """One newsletter about one document, by where the document stands in which message."""

    source: Path
    payload: int
    part: int
    newsletter: Newsletter
    zone: str
    created: datetime
    revision: int

    @property
    def series(self) -> tuple[str, str]:
        """What is read one after another: an issue says what changed since the one before."""
        return self.newsletter.name, self.zone

    @property
    def turn(self) -> tuple[datetime, int, str, int, int]:
        """When it is due: in the order in which the platform made the documents."""
        return self.created, self.revision, str(self.source), self.payload, self.part

    def document(self) -> MarketDocument:
        """Read the document again.

        Raises:
            GridletterError: the file has changed since.
        """
        read = documents.read(_payloads(self.source)[self.payload].xml)
        if isinstance(read, Acknowledgement):
            raise MessageError(f"{self.source} has changed", remedy="Run the backfill again.")
        return read[self.part]


@dataclass
class Plan:
    """What is to be done, by series and in order, and what came of that for which nothing is."""

    series: defaultdict[tuple[str, str], list[Entry]] = field(
        default_factory=lambda: defaultdict(list)
    )
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)


def files(sources: Sequence[str]) -> list[Path]:
    """Return the files named, and those with a message's suffix in the folders named, sorted.

    Raises:
        MessageError: there is no such file or folder.
    """
    found: dict[Path, None] = {}
    for source in map(Path, sources):
        if not source.exists():
            raise MessageError(f"{source} is not there", remedy="Name a file or a folder.")
        inside = source.rglob("*") if source.is_dir() else [source]
        for path in sorted(inside):
            if path == source or (path.suffix.lower() in SUFFIXES and path.is_file()):
                found[path] = None
    return [path for path in found if not path.is_dir()]


def make(
    sources: Sequence[Path],
    newsletters: Sequence[Newsletter],
    archive: Archive,
    progress: Callable[[int], None],
) -> Plan:
    """Return what is to be done so that the archive has an issue of all that is in `sources`.

    A source that can't be read, or whose issue in the archive can't be, is an outcome like others.
    """
    plan = Plan()
    for done, source in enumerate(sources, start=1):
        try:
            for entry, document in _entries(source, newsletters, plan):
                _add(entry, document, archive, plan)
        except GridletterError as error:
            plan.outcomes.append((str(source), Outcome("failed", reason=str(error))))
        progress(done)
    for entries in plan.series.values():
        entries.sort(key=lambda entry: entry.turn)
    return plan


def _entries(
    source: Path, newsletters: Sequence[Newsletter], plan: Plan
) -> Iterator[tuple[Entry, MarketDocument]]:
    for number, payload in enumerate(_payloads(source)):
        try:
            read = documents.read(payload.xml)
        except GridletterError as error:
            outcome = Outcome("failed", reason=f"{payload.name}: {error}")
            plan.outcomes.append((str(source), outcome))
            continue
        if isinstance(read, Acknowledgement) or not read:
            plan.outcomes.append((str(source), nothing_to_publish(read)))
            continue
        for part, document in enumerate(read):
            listening = [letter for letter in newsletters if letter.listens_to(document)]
            if not listening:
                plan.outcomes.append((str(source), nobody_listens(document)))
            for letter in listening:
                zone, created, revision = document.zone.code, document.created, document.revision
                yield Entry(source, number, part, letter, zone, created, revision), document


def _add(entry: Entry, document: MarketDocument, archive: Archive, plan: Plan) -> None:
    """Plan the entry, unless the archive has its issue."""
    name = entry.newsletter.name
    issue_id = issues.issue_id(name, document)
    for issue in archive.revisions(name, document):
        if issue.issue_id == issue_id:
            if archive.store.get(paths.pending(issue.path)) is not None:
                archive.settle(issue)  # who wrote it was killed before its pages stood
            archive.search_anew(issue)
            page = archive.page_url(issue.path)
            outcome = Outcome("duplicate", name, entry.zone, issue_id=issue_id, page=page)
            plan.outcomes.append((str(entry.source), outcome))
            return
    plan.series[entry.series].append(entry)


@lru_cache(maxsize=_MESSAGES_IN_MEMORY)
def _payloads(source: Path) -> tuple[Payload, ...]:
    return documents.unpack(read_message(str(source)), ())

"""The import of a subscribers' file, of any length, in a few megabytes of memory.

An export says each subscriber's state, and importing it restores that: who is `unsubscribed`,
`bounced` or `suppressed` there is so here, too. So a list that moves to another ledger takes along
whom nothing may reach. No import makes anybody active again: where the ledger says that nothing
goes to an address, a line that says otherwise, or nothing, is refused.
"""

from __future__ import annotations

import codecs
import io
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from flows.delivery.subscribers import Subscriber, SubscriberState, barred, refused
from flows.delivery.subscribers_csv import read
from flows.errors import StorageError, SubscriberError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from flows.delivery.directory import Directory
    from flows.delivery.ledger import Ledger
    from flows.delivery.subscribers_csv import Line

_BATCH: Final = 1000
_CHUNK_BYTES: Final = 1 << 20
_SEE: Final = """
    INSERT INTO seen VALUES (?, ?) ON CONFLICT DO UPDATE SET line = line RETURNING line"""


@dataclass(frozen=True)
class Report:
    """How many readers an import added, how many were known already, how many lines it refused."""

    added: int
    known: int
    refused: int


def import_file(
    source: Path,
    directory: Directory,
    ledger: Ledger,
    *,
    report_refusal: Callable[[SubscriberError], None],
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Add the subscribers of the CSV file `source` to `directory`.

    A refused line stops none of the others. A subscriber who is there already stays as they are, so
    an import that was cut off can be run again.

    Args:
        source: The file, in UTF-8, as `subscribers_csv` has it.
        directory: Where subscribers are added.
        ledger: The ledger beside it, which learns the states other than `active`.
        report_refusal: Called with every line that is refused, in the order of the file.
        progress: Called with how many of the file's bytes are read, and of how many.

    Raises:
        SubscriberError: `source` is no file, no UTF-8, or has other columns; nothing is added.
        StorageError: the file can't be read, or directory or ledger can't be written just now.
    """
    added = known = refusals = 0
    with closing(_Seen()) as seen:
        for batch, done, size in _batches(source):
            entered, errors = _judge(batch, directory, seen)
            new = _enter(entered, directory, ledger)
            added += new
            known += len(entered) - new
            refusals += len(errors)
            for error in errors:
                report_refusal(error)
            if progress is not None:
                progress(done, size)
    return Report(added, known, refusals)


def _batches(source: Path) -> Iterator[tuple[list[Line | SubscriberError], int, int]]:
    """Yield the lines in batches, how many bytes are read, and of how many."""
    if not source.is_file():
        raise SubscriberError(f"there is no file {source}", remedy="Name a CSV file.", line=None)
    try:
        with source.open("rb") as file:
            size = _size_of_utf8(file, source)
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            lines = read(text)
            while batch := list(islice(lines, _BATCH)):
                yield batch, file.tell(), size
    except OSError as error:
        raise StorageError(
            f"{source} can't be read: {error.strerror}",
            remedy="See to the file's rights, then import it again.",
            path=str(source),
        ) from error


def _size_of_utf8(file: BinaryIO, source: Path) -> int:
    """Return the file's size in bytes, of which every one was looked at; go back to its start."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise SubscriberError(
            f"{source.name} is not UTF-8 text", remedy="Save it as UTF-8 CSV.", line=None
        ) from error
    size = file.tell()
    file.seek(0)
    return size


def _judge(
    batch: Iterable[Line | SubscriberError], directory: Directory, seen: _Seen
) -> tuple[list[Subscriber], list[SubscriberError]]:
    """Return whom to enter, and every line that is refused."""
    once = [line if isinstance(line, SubscriberError) else seen.judge(line) for line in batch]
    reasons = directory.suppressions(
        line[1].email for line in once if not isinstance(line, SubscriberError)
    )
    entered, errors = [], []
    for line in once:
        if isinstance(line, SubscriberError):
            errors.append(line)
            continue
        number, subscriber = line
        if subscriber.state is SubscriberState.ACTIVE and subscriber.email in reasons:
            errors.append(barred(subscriber.email, reasons[subscriber.email], number))
        else:
            entered.append(subscriber)
    return entered, errors


def _enter(subscribers: Iterable[Subscriber], directory: Directory, ledger: Ledger) -> int:
    """Enter subscribers and their states; return how many were new."""
    # States come first: an import that is cut off here leaves nobody active who should not be.
    for subscriber in subscribers:
        if subscriber.state is not SubscriberState.ACTIVE:
            ledger.suppress(subscriber.email, subscriber.state)
    return len(directory.add(subscribers))


class _Seen:
    """The addresses of a file so far; on the disk, so that no number of them fills the memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        # Nobody reads it after a crash, or is able to.
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE seen (email TEXT PRIMARY KEY, line INTEGER) STRICT, WITHOUT ROWID"
        )

    def judge(self, line: Line) -> Line | SubscriberError:
        """Return the line, or why it is refused: its address is in one before it."""
        number, subscriber = line
        try:
            [(first,)] = self._database.execute(_SEE, (subscriber.email, number))
        except sqlite3.Error as error:
            raise StorageError(
                f"the import's temporary file can't be written: {error}",
                remedy="Free space where temporary files are, or name another folder in TMPDIR.",
                path="TMPDIR",
            ) from error
        if first == number:
            return line
        return refused(f"{subscriber.email} is in line {first}, too", number)

    def close(self) -> None:
        """Remove the temporary file."""
        self._database.close()

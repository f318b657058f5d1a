"""Who gets which newsletter: a CSV file `name,email,newsletters,zones` (`;` between several)."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, validate_email

from flows.errors import StorageError, SubscriberError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

COLUMNS = ("name", "email", "newsletters", "zones")
_LONGEST_NAME = 100
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Subscriber:
    """One reader; an empty tuple of newsletters or zones means all of them."""

    name: str
    email: str
    newsletters: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()

    def wants(self, newsletter: str, zone_code: str) -> bool:
        """Return whether an issue of `newsletter` for `zone_code` is for this reader."""
        return (not self.newsletters or newsletter in self.newsletters) and (
            not self.zones or zone_code in self.zones
        )

    @property
    def identity(self) -> str:
        """The address as duplicates are found by: case and IDN spelling make no second reader."""
        return self.email.casefold()


@dataclass(frozen=True)
class Report:
    """What an import did: readers added, readers already known, and every refused line."""

    added: int
    known: int
    refused: tuple[SubscriberError, ...]


def load(path: Path) -> tuple[Subscriber, ...]:
    """Return the subscribers in the file at `path`; none where there is no file.

    Raises:
        SubscriberError: the file is malformed; says the line.
        StorageError: the file can't be read.
    """
    if not path.exists():
        return ()
    subscribers = []
    for _, reader in _lines(path):
        if isinstance(reader, SubscriberError):
            raise reader
        subscribers.append(reader)
    return tuple(subscribers)


def matching(
    subscribers: Iterable[Subscriber], newsletter: str, zone_code: str
) -> tuple[Subscriber, ...]:
    """Return who gets an issue of `newsletter` for `zone_code`."""
    return tuple(reader for reader in subscribers if reader.wants(newsletter, zone_code))


def import_file(source: Path, path: Path) -> Report:
    """Add the subscribers of the CSV file `source` to the file at `path`.

    A refused line stops none of the others; the file at `path` is replaced whole or not at all.

    Raises:
        SubscriberError: `source` is no such file, or is not CSV with the expected columns.
        StorageError: the file at `path` can't be written.
    """
    if not source.is_file():
        raise SubscriberError(f"there is no file {source}", remedy="Name a CSV file.", line=None)
    readers = {reader.identity: reader for reader in load(path)}
    seen: set[str] = set()
    added, known, refused = 0, 0, []
    for number, reader in _lines(source):
        if isinstance(reader, SubscriberError):
            refused.append(reader)
        elif reader.identity in seen:
            refused.append(_refused(number, f"{reader.email} is there twice"))
        else:
            seen.add(reader.identity)
            known += reader.identity in readers
            added += reader.identity not in readers
            readers.setdefault(reader.identity, reader)
    if added:
        _replace(path, readers.values())
    return Report(added, known, tuple(refused))


def _lines(path: Path) -> Iterator[tuple[int, Subscriber | SubscriberError]]:
    """Yield each line that is not empty as its number (from 1) and what it says."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SubscriberError(
                f"{path.name} is larger than {_MOST_BYTES >> 20} MB",
                remedy="Split the file and import the parts one by one.",
                line=None,
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StorageError(
            f"{path} can't be read: {error.strerror}",
            remedy="See to the file's rights.",
            path=str(path),
        ) from error
    except UnicodeDecodeError as error:
        raise SubscriberError(
            f"{path.name} is not UTF-8 text", remedy="Save it as UTF-8 CSV.", line=None
        ) from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(rows, [])
        if tuple(column.strip().lower() for column in header) != COLUMNS:
            raise _refused(1, f"the first line is not {','.join(COLUMNS)}")
        for row in rows:
            if any(cell.strip() for cell in row):
                yield rows.line_num, _subscriber(rows.line_num, row)
    except csv.Error as error:
        line = rows.line_num
        yield line, _refused(line, f"not CSV: {error}; the lines after it were not read")


def _subscriber(line: int, row: list[str]) -> Subscriber | SubscriberError:
    if len(row) != len(COLUMNS):
        return _refused(line, f"{len(row)} columns instead of {len(COLUMNS)}")
    name, email, newsletters, zones = (cell.strip() for cell in row)
    if len(name) > _LONGEST_NAME or not name.isprintable():
        return _refused(line, "the name is too long or has control characters")
    try:
        # A local part beyond ASCII needs SMTPUTF8 (RFC 6531) on every hop; few servers have it.
        address = validate_email(email, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        return _refused(line, f"{one_line(email, 80)!r} is no address: {error}")
    return Subscriber(
        name=name,
        email=address.ascii_email or address.normalized,
        newsletters=_several(newsletters),
        zones=_several(zones),
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _refused(line: int, why: str) -> SubscriberError:
    return SubscriberError(
        f"line {line} is refused: {why}", remedy="Correct the line and import it again.", line=line
    )


def _replace(path: Path, readers: Iterable[Subscriber]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for reader in readers:
                writer.writerow(
                    [
                        reader.name,
                        reader.email,
                        ";".join(reader.newsletters),
                        ";".join(reader.zones),
                    ]
                )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"{path} can't be written: {error.strerror}",
            remedy="See to the folder's rights and free space, then import again.",
            path=str(path),
        ) from error

"""Subscribers as CSV: `name,email,newsletters,zones` and, in an export, `state`."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

from flows.delivery.subscribers import Subscriber, joined, refused
from flows.errors import SubscriberError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Line = tuple[int, Subscriber]

COLUMNS: Final = ("name", "email", "newsletters", "zones")
COLUMNS_WITH_STATE: Final = (*COLUMNS, "state")

# Far more than anything that can be taken has. They bound the memory, and what an opened quote that
# nobody closed can hide.
_LONGEST_LINE: Final = 10_000
_MOST_LINES: Final = 10


def export(subscribers: Iterable[Subscriber], file: TextIO) -> None:
    """Write `subscribers` to `file` with their states, as `read` reads them."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS_WITH_STATE)
    for reader in subscribers:
        names = joined(reader.newsletters), joined(reader.zones)
        writer.writerow((reader.name, reader.email, *names, reader.state))


def read(file: TextIO) -> Iterator[Line | SubscriberError]:
    """Yield each subscriber with the number of their line (from 1), or why it is refused.

    `file` is opened with `newline=""`. A record that is no CSV ends with the line it began in, so
    that it takes no other line with it.

    Raises:
        SubscriberError: the first line has neither `COLUMNS` nor `COLUMNS_WITH_STATE`.
    """
    records = _records(file)
    _, header = next(records, (1, []))
    columns = [] if isinstance(header, csv.Error) else [cell.strip().lower() for cell in header]
    if tuple(columns) not in {COLUMNS, COLUMNS_WITH_STATE}:
        raise refused(f"it is not {','.join(COLUMNS)}", line=1)
    for number, record in records:
        if isinstance(record, csv.Error):
            yield refused(f"not CSV: {record}", number)
        elif any(cell.strip() for cell in record):
            yield _line(number, record, len(columns))


def _line(number: int, cells: Sequence[str], width: int) -> Line | SubscriberError:
    if len(cells) != width:
        return refused(f"{len(cells)} columns instead of {width}", number)
    try:
        return number, Subscriber.of(*cells)
    except SubscriberError as error:
        return refused(error.what, number)


def _records(file: TextIO) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Yield each record's cells, or why it has none, with the number of its first line."""
    lines = _Lines(file)
    rows = csv.reader(lines, strict=True)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield lines.give_back(), error
        else:
            if row is None:
                return
            yield lines.take(), row


class _Lines:
    """The lines of `file`; those behind the first of a record can be given back, to be read again.

    Raises csv.Error where a line or a record is too long.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._given_back: deque[str] = deque()
        self._record: list[str] = []
        self._number = 1  # of the record's first line

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else self._read()
        if not line:
            raise StopIteration
        self._record.append(line)
        if len(line) > _LONGEST_LINE:
            raise csv.Error(f"more than {_LONGEST_LINE} characters")
        if len(self._record) > _MOST_LINES:
            raise csv.Error("a quote is opened and not closed")
        return line

    def take(self) -> int:
        """Begin the next record; return the number of this one's first line."""
        first = self._number
        self._number += len(self._record)
        self._record.clear()
        return first

    def give_back(self) -> int:
        """End the record with its first line, and return that one's number."""
        self._given_back.extendleft(reversed(self._record[1:]))
        del self._record[1:]
        return self.take()

    def _read(self) -> str:
        """Return the next line, or no more than the beginning of one that is too long."""
        line = rest = self._file.readline(_LONGEST_LINE + 1)
        while len(rest) > _LONGEST_LINE and not rest.endswith(("\r", "\n")):
            rest = self._file.readline(_LONGEST_LINE + 1)
        return line

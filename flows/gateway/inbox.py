"""The inbox: pushed messages, kept from their answer until a flow run has them.

One SQLite file with a write-ahead log and full sync: what `put` returned is on the disk. Messages
that come at the same time share one fsync. Several processes may open the file; it must be on a
local disk.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from flows.delivery.group_commit import GroupCommit
from flows.errors import StorageError
from flows.gateway.inbox_file import INBOX_FILE
from flows.sqlite_file import SharedConnection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

MOST_WAITING_MB: Final = 1024
WEBHOOK_ID_SECONDS: Final = 3600
"""How long a delivery's id is remembered; longer than its signature can be replayed."""

# What a message takes beside its body, so that a flood of tiny ones is bounded, too.
_ROW_BYTES: Final = 512
_LARGEST_READ_BYTES: Final = 64 << 20
_MICROSECONDS: Final = 1_000_000
_FORGET: Final = "DELETE FROM delivery WHERE received < ?"
_DELIVERED: Final = "SELECT number FROM delivery WHERE webhook_id = ?"
_DELIVER: Final = "INSERT INTO delivery VALUES (?, ?, ?)"
_WAITING: Final = "SELECT number FROM message WHERE digest = ? AND handed_over IS NULL"
_TALLY: Final = "SELECT waiting, waiting_bytes FROM tally"
_PUT: Final = """
    INSERT INTO message (number, received, digest, body)
    VALUES (max(?1, (SELECT coalesce(max(number), 0) + 1 FROM message)), ?2, ?3, ?4)
    RETURNING number"""
_LINE: Final = """
    SELECT number, received, body, digest, emissions, event_id FROM message
    WHERE handed_over IS NULL ORDER BY number LIMIT ?"""
_FIND: Final = """
    SELECT number, received, body, digest, emissions, event_id FROM message
    WHERE number = ?"""
_EMITTED: Final = """
    UPDATE message SET emissions = emissions + 1, event_id = ?
    WHERE number = ? AND handed_over IS NULL"""
_HANDED_OVER: Final = """
    UPDATE message SET flow_run_id = ?, handed_over = ?, body = x''
    WHERE number = ? AND handed_over IS NULL"""
_RECEIVED: Final = "SELECT max(received) FROM message WHERE digest = ?"
_DONE: Final = "SELECT count(*) FROM message WHERE handed_over IS NOT NULL"
_PURGE: Final = """
    DELETE FROM message WHERE handed_over <= ? AND number NOT IN (SELECT number FROM delivery)"""


class InboxFull(StorageError):
    """As much waits already as may; a later attempt may succeed."""


@dataclass(frozen=True, slots=True)
class Message:
    """A pushed message.

    Attributes:
        id: Sorts by arrival; no two messages of any inbox share one.
        received: UTC.
        body: As `flows.document.unpack` takes it; empty once it is handed over.
        digest: SHA-256 of the body in UTF-8, in hex.
        emissions: How often an event was emitted for it.
        event_id: The last of these events.
    """

    id: str
    received: datetime
    body: str
    digest: str
    emissions: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class _Push:
    body: str
    data: bytes
    digest: str
    webhook_id: str | None


class Inbox:
    """The inbox in `file`; `clock` gives seconds since the epoch.

    Threads may share it, and processes the file.

    Args:
        file: Where it is, made with its folder if need be.
        most_waiting_mb: Bodies that may wait in all, in MB; above that `put` refuses.
        clock: What time it is.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made; every method raises it, too.
    """

    def __init__(
        self,
        file: Path,
        *,
        most_waiting_mb: int = MOST_WAITING_MB,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = SharedConnection(INBOX_FILE, file)
        self._most_waiting_bytes = most_waiting_mb << 20
        self._clock = clock
        self._put: GroupCommit[_Push, Message | InboxFull] = GroupCommit(self._put_together)

    def put(self, body: str, *, webhook_id: str | None = None) -> Message:
        """Keep a message, durably when this returns.

        An equal body that still waits is not kept twice: its message is returned. So is, handed
        over or not, the message that came under the same webhook id within the last hour.

        Args:
            body: The message.
            webhook_id: The sender's own id of this delivery, for a signed one.

        Raises:
            InboxFull: too much waits already.
            StorageError: it can't be written: the disk is full, the file is corrupt or held.
        """
        data = body.encode()
        answer = self._put(_Push(body, data, hashlib.sha256(data).hexdigest(), webhook_id))
        if isinstance(answer, InboxFull):
            raise answer
        return answer

    def waiting(self, limit: int) -> list[Message]:
        """Return messages that were not handed over, oldest first.

        There are at most `limit`, and fewer where their bodies exceed 64 MB; but one if any waits.
        """
        messages: list[Message] = []
        size = 0
        with self._file.reading() as database:
            for row in database.execute(_LINE, (limit,)):
                size += len(row[2])
                if messages and size > _LARGEST_READ_BYTES:
                    break
                messages.append(_message(row, row[2].decode()))
        return messages

    def emitted(self, message_id: str, event_id: str) -> None:
        """Note that an event was emitted for the message."""
        with self._file.transaction() as database:
            database.execute(_EMITTED, (event_id, int(message_id)))

    def handed_over(self, message_id: str, flow_run_id: str) -> None:
        """Note that a flow run has the message, whose body goes; a second time changes nothing."""
        with self._file.transaction() as database:
            database.execute(_HANDED_OVER, (flow_run_id, self._clock(), int(message_id)))

    def sent(self, digest: str) -> float | None:
        """Return the seconds since the last message with this digest came; None if unknown."""
        with self._file.reading() as database:
            [(received,)] = database.execute(_RECEIVED, (digest,)).fetchall()
        return None if received is None else max(0.0, self._clock() - received)

    def counts(self) -> Mapping[str, int]:
        """Return how many messages are `waiting`, `waiting_bytes`, and how many `handed_over`."""
        with self._file.reading() as database:
            [(waiting, waiting_bytes)] = database.execute(_TALLY).fetchall()
            [(done,)] = database.execute(_DONE).fetchall()
        return {"waiting": waiting, "waiting_bytes": waiting_bytes, "handed_over": done}

    def purge(self, older_than: timedelta) -> int:
        """Forget messages that were handed over longer ago than that; return how many.

        One that came signed stays until its webhook id is forgotten.
        """
        with self._file.transaction() as database:
            now = self._clock()
            database.execute(_FORGET, (now - WEBHOOK_ID_SECONDS,))
            return database.execute(_PURGE, (now - older_than.total_seconds(),)).rowcount

    def close(self) -> None:
        """Close the file; nothing can be done with the inbox afterwards."""
        self._file.close()

    def _put_together(self, pushes: Sequence[_Push]) -> list[Message | InboxFull]:
        with self._file.transaction() as database:
            now = self._clock()
            if any(push.webhook_id is not None for push in pushes):
                database.execute(_FORGET, (now - WEBHOOK_ID_SECONDS,))
            return [self._put_one(database, push, now) for push in pushes]

    def _put_one(
        self, database: sqlite3.Connection, push: _Push, now: float
    ) -> Message | InboxFull:
        number = _first(database, _DELIVERED, push.webhook_id)
        if number is not None:
            return _find(database, number)
        number = _first(database, _WAITING, push.digest)
        message = self._insert(database, push, now) if number is None else _find(database, number)
        if push.webhook_id is not None and isinstance(message, Message):
            database.execute(_DELIVER, (push.webhook_id, int(message.id), now))
        return message

    def _insert(self, database: sqlite3.Connection, push: _Push, now: float) -> Message | InboxFull:
        [(waiting, waiting_bytes)] = database.execute(_TALLY).fetchall()
        taken = waiting_bytes + waiting * _ROW_BYTES
        if taken + len(push.data) + _ROW_BYTES > self._most_waiting_bytes:
            return self._full()
        values = (int(now * _MICROSECONDS), now, push.digest, push.data)
        [(number,)] = database.execute(_PUT, values).fetchall()
        return _message((number, now, None, push.digest, 0, None), push.body)

    def _full(self) -> InboxFull:
        return InboxFull(
            f"{self._most_waiting_bytes >> 20} MB of pushed messages wait in {self._file.path}",
            remedy="See that flow runs start; the push can come again when they do.",
            path=str(self._file.path),
        )


def _first(database: sqlite3.Connection, statement: str, *values: object) -> int | None:
    rows = database.execute(statement, values).fetchall()
    return rows[0][0] if rows else None


def _find(database: sqlite3.Connection, number: int) -> Message:
    [row] = database.execute(_FIND, (number,)).fetchall()
    return _message(row, row[2].decode())


def _message(row: tuple[Any, ...], body: str) -> Message:
    number, received, _, digest, emissions, event_id = row
    return Message(
        id=f"{number:019d}",
        received=datetime.fromtimestamp(received, UTC),
        body=body,
        digest=digest,
        emissions=emissions,
        event_id=event_id,
    )

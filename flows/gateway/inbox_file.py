"""The inbox's SQLite file: its schema, how it is opened, and what its errors ask for.

`message.number` is the time of arrival in microseconds, or one more than the last where the clock
stands still or goes back: it sorts by arrival, and an inbox begun anew does not give out the
numbers of the old one. `tally` sums up what waits, so that the bound costs no scan; triggers keep
it. A message's body goes when it is handed over; the rest of its row stays for the metrics.
"""

from __future__ import annotations

import sqlite3
import weakref
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from flows.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION: Final = 1
# "grin", which `file` and `sqlite3` show: another program's database is never taken for an inbox.
APPLICATION_ID: Final = 0x6772696E

# A push is answered within seconds, so who holds the file for longer makes it fail.
_BUSY_SECONDS: Final = 10
_LARGEST_IDLE_LOG_BYTES: Final = 64 << 20
_SCHEMA: Final = (
    """CREATE TABLE message (
        number INTEGER PRIMARY KEY,
        received REAL NOT NULL,
        digest TEXT NOT NULL,
        body BLOB NOT NULL,
        emissions INTEGER NOT NULL DEFAULT 0,
        event_id TEXT,
        flow_run_id TEXT,
        handed_over REAL
    ) STRICT""",
    "CREATE INDEX message_digest ON message (digest)",
    "CREATE UNIQUE INDEX message_waiting ON message (digest) WHERE handed_over IS NULL",
    "CREATE INDEX message_line ON message (number) WHERE handed_over IS NULL",
    "CREATE INDEX message_done ON message (handed_over) WHERE handed_over IS NOT NULL",
    """CREATE TABLE delivery (
        webhook_id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        received REAL NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX delivery_received ON delivery (received)",
    """CREATE TABLE tally (
        waiting INTEGER NOT NULL CHECK (waiting >= 0),
        waiting_bytes INTEGER NOT NULL CHECK (waiting_bytes >= 0)
    ) STRICT""",
    "INSERT INTO tally VALUES (0, 0)",
    """CREATE TRIGGER message_put AFTER INSERT ON message BEGIN
        UPDATE tally SET waiting = waiting + 1, waiting_bytes = waiting_bytes + length(new.body);
    END""",
    """CREATE TRIGGER message_handed_over AFTER UPDATE OF handed_over ON message
    WHEN old.handed_over IS NULL AND new.handed_over IS NOT NULL BEGIN
        UPDATE tally SET waiting = waiting - 1, waiting_bytes = waiting_bytes - length(old.body);
    END""",
)
_LOST: Final = (
    "Move the file away and start again: an empty inbox loses only what waits in the old one, "
    "which the platform can push again."
)
_RIGHTS: Final = "See to the rights of the file and its folder."
_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "Free space on its disk; pushes are refused until then, and come again.",
    sqlite3.SQLITE_BUSY: "Another process holds it for long; let it finish, or end it.",
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_CORRUPT: _LOST,
    sqlite3.SQLITE_NOTADB: _LOST,
}
_PRIMARY_CODE: Final = 0xFF


class InboxFile:
    """A connection to the inbox's file at `path`, used by one thread after the other.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made; every method raises it where SQLite fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = RLock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the inbox's folder {self.path.parent} can't be made: {error.strerror}",
                remedy="See to the rights of the folder above it.",
                path=str(self.path),
            ) from error
        with self._failing():
            self._database = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        self.close = weakref.finalize(self, self._database.close)
        try:
            with self._failing():
                self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is written inside, or nothing of it."""
        with self._lock, self._failing():
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read what is committed."""
        with self._lock, self._failing():
            yield self._database

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say what an error of SQLite means, and what to do about it."""
        try:
            yield
        except sqlite3.Error as error:
            # Errors of the sqlite3 module itself (a closed connection, say) have no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY_CODE
            raise StorageError(
                f"the inbox {self.path} can't be used: {error}",
                remedy=_REMEDIES.get(code, "See to the disk it is on."),
                path=str(self.path),
            ) from error

    def _prepare(self) -> None:
        self._refuse_others()
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG_BYTES}")
        if self._version() == VERSION:
            return
        with self.transaction() as database:
            # Another process may have made the schema while this one waited for its turn.
            if self._version() != VERSION:
                for statement in _SCHEMA:
                    database.execute(statement)
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        return int(self._one("PRAGMA user_version")[0])

    def _one(self, statement: str) -> tuple[Any, ...]:
        [row] = self._database.execute(statement).fetchall()
        return tuple(row)

    def _refuse_others(self) -> None:
        # One statement: between two, another process could make the schema.
        tables, application, version = self._one(
            "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version"
            " FROM pragma_application_id, pragma_user_version"
        )
        if tables and application != APPLICATION_ID:
            raise SettingsError(
                f"{self.path} is a database of another program",
                remedy="Move it out of GRIDLETTER_HOME, or set another home.",
                setting="GRIDLETTER_HOME",
            )
        if version > VERSION:
            raise SettingsError(
                f"the inbox {self.path} was written by a newer version of Gridletter",
                remedy="Upgrade Gridletter, or move the file away once it is empty.",
                setting="GRIDLETTER_HOME",
            )

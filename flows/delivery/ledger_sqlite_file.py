"""The SQLite ledger's file: its schema, how it is opened, and what its errors ask for.

`delivery.due` is when a claim may move the row, in seconds since the epoch: 0 while pending, a
deferred row's time, the end of a lease; NULL where none may. `tally` has the number of an issue's
rows in each state, so that sums and open issues cost no scan; enrolling writes it, a trigger keeps
it, and there are no zeros in it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from flows.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = 1
# "grlt", which `file` and `sqlite3` show: another program's database is never taken for a ledger.
APPLICATION_ID: Final = 0x67726C74

_BUSY_SECONDS: Final = 60  # a million recipients take a third of it to enrol
_LARGEST_IDLE_LOG_BYTES: Final = 64 << 20
_SCHEMA: Final = (
    """CREATE TABLE issue (
        number INTEGER PRIMARY KEY,
        issue_id TEXT NOT NULL UNIQUE,
        path TEXT NOT NULL,
        newsletter TEXT NOT NULL,
        zone TEXT NOT NULL,
        document_key TEXT NOT NULL,
        revision INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE delivery (
        issue_id TEXT NOT NULL,
        email TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'sending', 'accepted',
            'deferred', 'rejected', 'unknown', 'suppressed')),
        due REAL,
        attempt INTEGER NOT NULL DEFAULT 0,
        lease_seconds REAL,
        token TEXT,
        reply TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (issue_id, email)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX delivery_due ON delivery (issue_id, due) WHERE due IS NOT NULL",
    """CREATE TABLE tally (
        state TEXT NOT NULL,
        issue_id TEXT NOT NULL,
        number INTEGER NOT NULL CHECK (number >= 0),
        PRIMARY KEY (state, issue_id)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery
    WHEN old.state <> new.state BEGIN
        UPDATE tally SET number = number - 1 WHERE state = old.state AND issue_id = old.issue_id;
        DELETE FROM tally WHERE state = old.state AND issue_id = old.issue_id AND number = 0;
        INSERT INTO tally VALUES (new.state, new.issue_id, 1)
        ON CONFLICT DO UPDATE SET number = number + 1;
    END""",
    """CREATE TABLE suppression (
        email TEXT PRIMARY KEY,
        reason TEXT NOT NULL,
        since REAL NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

_RESUME: Final = "then run gridletter resume."
_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: f"Free space on its disk, {_RESUME}",
    sqlite3.SQLITE_BUSY: f"Another process holds it for long; let it finish or end it, {_RESUME}",
    sqlite3.SQLITE_READONLY: f"See to the rights of the file and its folder, {_RESUME}",
    sqlite3.SQLITE_CANTOPEN: f"See to the rights of the file and its folder, {_RESUME}",
    sqlite3.SQLITE_CORRUPT: "Restore it from a backup: an empty one would not know what was sent.",
    sqlite3.SQLITE_NOTADB: "Restore it from a backup: an empty one would not know what was sent.",
}
_PRIMARY_CODE: Final = 0xFF


def open_database(path: Path) -> sqlite3.Connection:
    """Return a connection to the ledger's file at `path`, made with its folder if need be.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except OSError as error:
        raise StorageError(
            f"the ledger's folder {path.parent} can't be made: {error.strerror}",
            remedy=f"See to the rights of the folder above it, {_RESUME}",
            path=str(path),
        ) from error
    except sqlite3.Error as error:
        raise unavailable(path, error) from error
    try:
        _prepare(path, database)
    except sqlite3.Error as error:
        database.close()
        raise unavailable(path, error) from error
    except BaseException:
        database.close()
        raise
    return database


def unavailable(path: Path, error: sqlite3.Error) -> StorageError:
    """Return what SQLite's `error` about the file at `path` means, and what to do about it."""
    # Errors of the sqlite3 module itself (a closed connection, say) have no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY_CODE
    return StorageError(
        f"the ledger {path} can't be used: {error}",
        remedy=_REMEDIES.get(code, f"See to the disk it is on, {_RESUME}"),
        path=str(path),
    )


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    _refuse_others(path, database)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG_BYTES}")
    if _pragma(database, "user_version") == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    # Another process may have made the schema while this one waited for its turn.
    if _pragma(database, "user_version") != VERSION:
        for statement in _SCHEMA:
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _refuse_others(path: Path, database: sqlite3.Connection) -> None:
    # One statement: between two, another process could make the schema.
    [(tables, application, version)] = database.execute(
        "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version"
        " FROM pragma_application_id, pragma_user_version"
    )
    if tables and application != APPLICATION_ID:
        raise SettingsError(
            f"{path} is a database of another program",
            remedy="Name another file in GRIDLETTER_LEDGER.",
            setting="GRIDLETTER_LEDGER",
        )
    if version > VERSION:
        raise SettingsError(
            f"the ledger {path} was written by a newer version of Gridletter",
            remedy="Upgrade Gridletter, or name another file in GRIDLETTER_LEDGER.",
            setting="GRIDLETTER_LEDGER",
        )


def _pragma(database: sqlite3.Connection, name: str) -> int:
    with closing(database.execute(f"PRAGMA {name}")) as cursor:
        return int(cursor.fetchone()[0])

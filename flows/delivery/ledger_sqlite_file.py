"""The SQLite ledger's file: its schema, and what its errors ask for.

`delivery.due` is when a claim may move the row, in seconds since the epoch: 0 while pending, a
deferred row's time, the end of a lease; NULL where none may. `tally` has the number of an issue's
rows in each state, so that sums and open issues cost no scan; enrolling writes it, a trigger keeps
it, and there are no zeros in it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from flows.sqlite_file import SqliteFile

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

LEDGER_FILE: Final = SqliteFile(
    name="ledger",
    setting="GRIDLETTER_LEDGER",
    application_id=0x67726C74,  # "grlt"
    version=1,
    schema=_SCHEMA,
    busy_seconds=60,  # a million recipients take a third of it to enrol
    remedies=_REMEDIES,
    other_remedy=f"See to the disk it is on, {_RESUME}",
    folder_remedy=f"See to the rights of the folder above it, {_RESUME}",
    foreign_remedy="Name another file in GRIDLETTER_LEDGER.",
    newer_remedy="Upgrade Gridletter, or name another file in GRIDLETTER_LEDGER.",
)

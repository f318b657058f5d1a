"""The inbox's SQLite file: its schema, and what its errors ask for.

`message.number` is the time of arrival in microseconds, or one more than the last where the clock
stands still or goes back: it sorts by arrival, and an inbox begun anew does not give out the
numbers of the old one. `tally` sums up what waits, so that the bound costs no scan; triggers keep
it. A message's body goes when it is handed over; the rest of its row stays for the metrics.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from flows.sqlite_file import SqliteFile

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

INBOX_FILE: Final = SqliteFile(
    name="inbox",
    setting="GRIDLETTER_HOME",
    application_id=0x6772696E,  # "grin"
    version=1,
    schema=_SCHEMA,
    busy_seconds=10,  # a push is answered within seconds, so who holds it longer makes it fail
    remedies=_REMEDIES,
    other_remedy="See to the disk it is on.",
    folder_remedy="See to the rights of the folder above it.",
    foreign_remedy="Move it out of GRIDLETTER_HOME, or set another home.",
    newer_remedy="Upgrade Gridletter, or move the file away once it is empty.",
)

"""The delivery ledger in one SQLite file: the default, for one machine.

Write-ahead log and full sync: what a method wrote is on the disk when it returns. One connection
serves all threads of a process, one after the other; `begin` joins those that wait into one commit.
Other processes are held off by SQLite's own lock, for which each waits up to a minute.

A suppressed address has no row that is pending, claimed or deferred: whatever would make one checks
it in the same transaction. So `begin` refuses it by the row's state alone.

The file must be on a local disk: the write-ahead log needs memory shared by all that use it.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from flows.delivery.group_commit import GroupCommit
from flows.delivery.ledger import Claim, Entry, Recipient, State
from flows.delivery.ledger_sqlite_file import LEDGER_FILE
from flows.sqlite_file import SharedConnection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from flows.delivery.ledger import Result

    Begin = tuple[Sequence[Claim], Sequence[Result]]

_ENROLL_ISSUE: Final = "INSERT OR IGNORE INTO issue VALUES (NULL, ?, ?, ?, ?, ?, ?)"
_ENROLL_RECIPIENT: Final = """
    INSERT OR IGNORE INTO delivery (issue_id, email, name, state, due)
    VALUES (?, ?, ?, 'pending', 0)"""
_ENROLL_TALLY: Final = "INSERT INTO tally SELECT 'pending', ?1, ?2 WHERE ?2 > 0"
_ENROLL_BARRED: Final = """
    UPDATE delivery SET state = 'suppressed', due = NULL
    WHERE issue_id = ? AND email IN (SELECT email FROM suppression)"""
_SELECT_ENTRY: Final = """
    SELECT issue_id, path, newsletter, zone, document_key, revision
    FROM issue WHERE issue_id = ?"""
_SELECT_UNFINISHED: Final = """
    SELECT issue_id, path, newsletter, zone, document_key, revision
    FROM issue WHERE issue_id IN (
        SELECT issue_id FROM tally WHERE state IN ('pending', 'claimed', 'sending', 'deferred'))
    ORDER BY number"""
_SELECT_HELD: Final = """
    SELECT issue_id, path, newsletter, zone, document_key, revision
    FROM issue WHERE issue_id IN (SELECT issue_id FROM tally WHERE state = 'unknown')
    ORDER BY number"""
# Of all issues: whichever is asked about, what the others hold is unknown, too.
_EXPIRE: Final = """
    UPDATE delivery INDEXED BY delivery_due
    SET state = 'unknown', due = NULL, attempt = attempt + 1
    WHERE state = 'sending' AND due > 0 AND due <= :now
        AND issue_id IN (SELECT issue_id FROM tally WHERE state = 'sending')"""
_CLAIM: Final = """
    UPDATE delivery
    SET state = 'claimed', due = :now + :lease, lease_seconds = :lease, token = :token
    WHERE issue_id = :issue_id AND email IN (
        SELECT email FROM delivery INDEXED BY delivery_due
        WHERE issue_id = :issue_id AND due <= :now
        ORDER BY due LIMIT :limit)
    RETURNING email, name, attempt + 1"""
_BEGIN: Final = """
    UPDATE delivery SET state = 'sending', due = :now + lease_seconds
    WHERE issue_id = :issue_id AND email = :email AND token = :token
        AND state = 'claimed' AND due > :now"""
_SETTLE: Final = """
    UPDATE delivery SET state = :state, due = :due, attempt = :attempt, reply = :reply
    WHERE issue_id = :issue_id AND email = :email AND token = :token
        AND state IN ('claimed', 'sending', 'unknown')"""
_BAR: Final = """
    UPDATE delivery SET state = 'suppressed', due = NULL
    WHERE issue_id = :issue_id AND email = :email AND state IN ('pending', 'deferred')
        AND EXISTS (SELECT 1 FROM suppression WHERE suppression.email = delivery.email)"""
_RELEASE: Final = """
    UPDATE delivery
    SET (state, due) = (
        SELECT iif(barred, 'suppressed', 'pending'), iif(barred, NULL, 0)
        FROM (SELECT EXISTS (
            SELECT 1 FROM suppression WHERE suppression.email = delivery.email) AS barred))
    WHERE issue_id = :issue_id AND state = 'unknown'"""
# A token is the holder's name and an id: nothing but the name decides.
_END_LEASES: Final = """
    UPDATE delivery SET due = :now
    WHERE issue_id = :issue_id AND state IN ('claimed', 'sending') AND due > :now
        AND substr(token, 1, length(:holder) + 1) = :holder || ' '"""
_COUNTS: Final = """
    SELECT state, number FROM tally
    WHERE issue_id = ? AND state IN ('pending', 'claimed', 'sending', 'accepted', 'deferred',
        'rejected', 'unknown', 'suppressed')"""
_ACCEPTED: Final = "SELECT email, name FROM delivery WHERE issue_id = ? AND state = 'accepted'"
_NEXT_DUE: Final = """
    SELECT min(due) FROM delivery INDEXED BY delivery_due
    WHERE issue_id = ? AND due IS NOT NULL"""
_SUPPRESS: Final = "INSERT OR IGNORE INTO suppression VALUES (?, ?, ?)"
_SUPPRESS_ROWS: Final = """
    UPDATE delivery SET state = 'suppressed', due = NULL
    WHERE email = ? AND state IN ('pending', 'claimed', 'deferred')
        AND issue_id IN (
            SELECT issue_id FROM tally WHERE state IN ('pending', 'claimed', 'deferred'))"""
_REASON: Final = "SELECT reason FROM suppression WHERE email = ?"


class SqliteLedger:
    """The ledger in the file at `path`; `clock` gives seconds since the epoch.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._database = SharedConnection(LEDGER_FILE, path)
        self._begins: GroupCommit[Begin, list[Claim]] = GroupCommit(self._begin_together)

    def enroll(self, entry: Entry, recipients: Iterable[Recipient]) -> bool:
        """Enter an issue and all its recipients in one step; see `Ledger`."""
        with self._database.transaction() as database:
            row = (
                entry.issue_id,
                entry.path,
                entry.newsletter,
                entry.zone,
                entry.document_key,
                entry.revision,
            )
            if not database.execute(_ENROLL_ISSUE, row).rowcount:
                return False
            rows = ((entry.issue_id, person.email.lower(), person.name) for person in recipients)
            entered = database.executemany(_ENROLL_RECIPIENT, rows).rowcount
            database.execute(_ENROLL_TALLY, (entry.issue_id, entered))
            database.execute(_ENROLL_BARRED, (entry.issue_id,))
        return True

    def entry(self, issue_id: str) -> Entry | None:
        """Return the issue's entry, if there is one; see `Ledger`."""
        rows = self._database.execute(_SELECT_ENTRY, (issue_id,))
        return Entry(*rows[0]) if rows else None

    def unfinished(self) -> Iterator[Entry]:
        """Yield each issue with rows that are not settled; see `Ledger`."""
        for row in self._database.execute(_SELECT_UNFINISHED):
            yield Entry(*row)

    def held(self) -> Iterator[Entry]:
        """Yield each issue with unknown rows; see `Ledger`."""
        with self._database.transaction() as database:
            database.execute(_EXPIRE, {"now": self._clock()})
        for row in self._database.execute(_SELECT_HELD):
            yield Entry(*row)

    def claim(self, issue_id: str, holder: str, *, lease_seconds: float, limit: int) -> list[Claim]:
        """Take up to `limit` rows; see `Ledger`."""
        values = {
            "issue_id": issue_id,
            "now": self._clock(),
            "lease": lease_seconds,
            "limit": limit,
            "token": f"{holder} {uuid4().hex}",
        }
        with self._database.transaction() as database:
            database.execute(_EXPIRE, values)
            rows = database.execute(_CLAIM, values).fetchall()
        return [
            Claim(issue_id, Recipient(email, name), attempt, str(values["token"]))
            for email, name, attempt in rows
        ]

    def begin(self, claims: Sequence[Claim], results: Sequence[Result] = ()) -> list[Claim]:
        """Settle `results` and mark `claims` as sending, in one commit; see `Ledger`."""
        return self._begins((claims, results))

    def settle(self, results: Sequence[Result]) -> None:
        """Record what became of claims; see `Ledger`."""
        self._begins(((), results))

    def counts(self, issue_id: str) -> Counter[State]:
        """Return the number of rows by state; see `Ledger`."""
        rows = self._database.execute(_COUNTS, (issue_id,))
        return Counter({State(state): number for state, number in rows})

    def accepted(self, issue_id: str) -> Iterator[Recipient]:
        """Yield who got the issue; see `Ledger`."""
        for email, name in self._database.execute(_ACCEPTED, (issue_id,)):
            yield Recipient(email, name)

    def next_due(self, issue_id: str) -> float | None:
        """Return when a claim will next find something; see `Ledger`."""
        [(due,)] = self._database.execute(_NEXT_DUE, (issue_id,))
        return None if due is None else float(due)

    def release_unknown(self, issue_id: str) -> int:
        """Make the issue's unknown rows pending again; see `Ledger`."""
        values = {"issue_id": issue_id, "now": self._clock()}
        with self._database.transaction() as database:
            database.execute(_EXPIRE, values)
            return database.execute(_RELEASE, values).rowcount

    def expire(self, issue_id: str, holder: str) -> int:
        """End the leases of a holder that is gone; see `Ledger`."""
        values = {"issue_id": issue_id, "holder": holder, "now": self._clock()}
        with self._database.transaction() as database:
            return database.execute(_END_LEASES, values).rowcount

    def suppress(self, email: str, reason: str) -> bool:
        """Let nothing go to `email` any more; see `Ledger`."""
        with self._database.transaction() as database:
            row = (email.lower(), reason, self._clock())
            is_new = database.execute(_SUPPRESS, row).rowcount == 1
            if is_new:
                database.execute(_SUPPRESS_ROWS, (email.lower(),))
        return is_new

    def suppressed(self, email: str) -> str | None:
        """Return the reason why nothing goes to `email`, or None; see `Ledger`."""
        rows = self._database.execute(_REASON, (email.lower(),))
        return rows[0][0] if rows else None

    def _begin_together(self, begins: Sequence[Begin]) -> list[list[Claim]]:
        with self._database.transaction() as database:
            now = self._clock()
            granted = []
            for claims, results in begins:
                for result in results:
                    _settle(database, result, now)
                granted.append([claim for claim in claims if _begin(database, claim, now)])
        return granted


def _settle(database: sqlite3.Connection, result: Result, now: float) -> None:
    claim, due = result.claim, None
    if result.state is State.PENDING:
        due = 0.0
    elif result.state is State.DEFERRED:
        due = now if result.retry_at is None else result.retry_at
    values = {
        "issue_id": claim.issue_id,
        "email": claim.recipient.email,
        "token": claim.token,
        "state": result.state,
        "due": due,
        "attempt": claim.attempt - (result.state is State.PENDING),
        "reply": result.reply,
    }
    database.execute(_SETTLE, values)
    if due is not None:
        database.execute(_BAR, values)


def _begin(database: sqlite3.Connection, claim: Claim, now: float) -> bool:
    values = {
        "issue_id": claim.issue_id,
        "email": claim.recipient.email,
        "token": claim.token,
        "now": now,
    }
    return database.execute(_BEGIN, values).rowcount == 1

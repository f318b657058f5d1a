"""The subscribers in the SQLite ledger's file: a table of their own, joined with suppressions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from flows.delivery.ledger_sqlite_file import LEDGER_FILE
from flows.delivery.subscribers import Subscriber, SubscriberState, joined, split
from flows.sqlite_file import SharedConnection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PAGE: Final = 1000
# `newsletters` and `zones` hold names with `;` in between; empty means all.
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS subscriber (
        email TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        newsletters TEXT NOT NULL,
        zones TEXT NOT NULL
    ) STRICT, WITHOUT ROWID"""
_ADD: Final = "INSERT OR IGNORE INTO subscriber VALUES (?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM subscriber WHERE email = ?"
_SELECT: Final = """
    SELECT name, email, newsletters, zones, reason
    FROM subscriber LEFT JOIN suppression USING (email)"""
_FIND: Final = f"{_SELECT} WHERE email = ?"
# Each page begins after the last one's end, so no transaction stays open between two of them.
_NEXT: Final = "email > :after ORDER BY email LIMIT :page"
_EVERYONE: Final = f"{_SELECT} WHERE {_NEXT}"
_MATCHING: Final = f"""{_SELECT}
    WHERE reason IS NULL
        AND (newsletters = '' OR instr(';' || newsletters || ';', ';' || :newsletter || ';'))
        AND (zones = '' OR instr(';' || zones || ';', ';' || :zone || ';'))
        AND {_NEXT}"""
_SUPPRESSIONS: Final = """
    SELECT email, reason FROM suppression WHERE email IN (SELECT value FROM json_each(?))"""


class SqliteDirectory:
    """The subscribers in the file at `path`, which is a ledger's.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made.
    """

    def __init__(self, path: Path) -> None:
        self._database = SharedConnection(LEDGER_FILE, path)
        self._database.execute(_SCHEMA)

    def add(self, subscribers: Iterable[Subscriber]) -> tuple[Subscriber, ...]:
        """Enter subscribers, all or none, and return those that were new; see `Directory`."""
        with self._database.transaction() as database:
            return tuple(
                subscriber
                for subscriber in subscribers
                if database.execute(_ADD, _row(subscriber)).rowcount
            )

    def remove(self, email: str) -> bool:
        """Forget the subscriber; see `Directory`."""
        with self._database.transaction() as database:
            return database.execute(_REMOVE, (email.lower(),)).rowcount == 1

    def find(self, email: str) -> Subscriber | None:
        """Return the subscriber with this address, or None."""
        rows = self._database.execute(_FIND, (email.lower(),))
        return _subscriber(*rows[0]) if rows else None

    def subscribers(self) -> Iterator[Subscriber]:
        """Yield every subscriber in the order of the addresses; see `Directory`."""
        return self._pages(_EVERYONE)

    def matching(self, newsletter: str, zone_code: str) -> Iterator[Subscriber]:
        """Yield who gets an issue, in the order of the addresses; see `Directory`."""
        return self._pages(_MATCHING, newsletter=newsletter, zone=zone_code)

    def suppressions(self, emails: Iterable[str]) -> dict[str, str]:
        """Return the reasons why nothing goes to some of `emails`; see `Directory`."""
        wanted = json.dumps([email.lower() for email in emails])
        return dict(self._database.execute(_SUPPRESSIONS, (wanted,)))

    def _pages(self, query: str, **values: str) -> Iterator[Subscriber]:
        after = ""
        while rows := self._database.execute(query, {**values, "after": after, "page": _PAGE}):
            for row in rows:
                yield _subscriber(*row)
            after = rows[-1][1]


def _row(subscriber: Subscriber) -> tuple[str, str, str, str]:
    return (
        subscriber.email.lower(),
        subscriber.name,
        joined(subscriber.newsletters),
        joined(subscriber.zones),
    )


def _subscriber(name: str, email: str, newsletters: str, zones: str, reason: Any) -> Subscriber:  # noqa: ANN401 — text or NULL
    return Subscriber(
        name=name,
        email=email,
        newsletters=split(newsletters),
        zones=split(zones),
        state=SubscriberState.of(reason),
    )

"""The delivery ledger in DynamoDB, for senders on any number of machines.

Every write is conditional on what was read, so whoever comes second changes nothing. Clocks of
machines may differ by some seconds: an early or late end of a lease costs a refusal or a wait,
never a second mail, since the token decides. `ledger_dynamodb_tables` has the tables' design.

An enrolment takes as many transactions as a hundredth of its recipients, each on condition that the
issue is not enrolled yet; the last one says that it is. Until then nothing can be claimed, and
several that enrol the same issue at once write the same rows.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from flows.delivery import ledger_dynamodb_tables as tables
from flows.delivery.dynamodb import MOST_ACTIONS, Dynamo
from flows.delivery.dynamodb_wire import check, put, update
from flows.delivery.ledger import Claim, Entry, Recipient, State
from flows.delivery.ledger_dynamodb_rows import ADDRESS_CHECK, Rows, shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flows.delivery.dynamodb_wire import Item, Value
    from flows.delivery.ledger import Result

_OPEN: Final = "open"
_NOT_ENROLLED: Final = "#enrolled = :no"
_LEASED: Final = {State.CLAIMED, State.SENDING}
_REOPENED: Final = {State.PENDING, State.DEFERRED}
_FIRST_LEASE: Final = 1e-9  # due after any pending row, which is due at 0


def create_tables(table_prefix: str) -> None:
    """Create the tables that are not there yet, and wait until they can be used.

    Raises:
        SettingsError: no region is set.
        StorageError: DynamoDB can't be reached, or refuses.
    """
    dynamo = Dynamo()
    for definition in tables.definitions(table_prefix):
        dynamo.create_table(definition)


class DynamoLedger:
    """The ledger in the tables `<table_prefix>-…`; `clock` gives seconds since the epoch.

    Raises:
        SettingsError: no region is set.
    """

    def __init__(self, table_prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._issues = tables.issues(table_prefix)
        self._deliveries = tables.deliveries(table_prefix)
        self._suppressions = tables.suppressions(table_prefix)
        self._rows = Rows(table_prefix)
        self._clock = clock
        self._dynamo = Dynamo()

    def enroll(self, entry: Entry, recipients: Iterable[Recipient]) -> bool:
        """Enter an issue and all its recipients; see `Ledger`."""
        key = {"issue_id": entry.issue_id}
        state = {"enrolled": False, "open": _OPEN, "since": self._clock()}
        item: Item = {**asdict(entry), **state}
        self._dynamo.apply([(put(self._issues, item, "attribute_not_exists(#issue_id)"),)])
        still_open = check(self._issues, key, _NOT_ENROLLED, no=False)
        unread = iter(recipients)
        # The check takes one of a transaction's actions.
        while batch := list(islice(unread, MOST_ACTIONS - 1)):
            names = {person.email.lower(): person.name for person in batch}
            barred = self._barred(names)
            rows = (
                self._rows.enter(entry.issue_id, email, name, barred)
                for email, name in names.items()
            )
            if any(self._dynamo.apply([(still_open, *rows)])):
                return False
        last = update(self._issues, key, "SET #enrolled = :yes", _NOT_ENROLLED, no=False, yes=True)
        return not any(self._dynamo.apply([(last,)]))

    def entry(self, issue_id: str) -> Entry | None:
        """Return the issue's entry, or None where it was never enrolled to the end."""
        item = self._dynamo.get(self._issues, {"issue_id": issue_id})
        return _entry(item) if item is not None and item["enrolled"] else None

    def unfinished(self) -> Iterator[Entry]:
        """Yield each issue with rows that are not settled; see `Ledger`."""
        for item in self._open_issues():
            soonest = self._soonest(item["issue_id"])
            if not item["enrolled"] or (soonest is not None and soonest < tables.HELD):
                yield _entry(item)
            elif soonest is None:
                self._close(item["issue_id"])

    def held(self) -> Iterator[Entry]:
        """Yield each issue with unknown rows; see `Ledger`."""
        for item in self._open_issues():
            if any(self._held(shard, 1) for shard in shards(item["issue_id"])):
                yield _entry(item)

    def claim(self, issue_id: str, holder: str, *, lease_seconds: float, limit: int) -> list[Claim]:
        """Take up to `limit` rows; see `Ledger`."""
        if self.entry(issue_id) is None:
            return []
        token = f"{holder} {uuid4().hex}"
        order = shards(issue_id)
        # Two that claim at once mostly start in different shards and keep out of each other's way.
        random.shuffle(order)
        taken: list[Claim] = []
        for shard in order:
            while len(taken) < limit:
                most, now = min(limit - len(taken), MOST_ACTIONS), self._clock()
                rows = self._movable(shard, most, " AND #due <= :now", now=now)
                if not rows:
                    break
                taken += self._take(issue_id, rows, token, lease_seconds)
        if not taken and self._soonest(issue_id) is None:
            self._close(issue_id)
        return taken

    def begin(self, claims: Sequence[Claim], results: Sequence[Result] = ()) -> list[Claim]:
        """Settle `results` and mark `claims` as sending, in one commit if fifty or less.

        See `Ledger`.
        """
        now = self._clock()
        reopened = [r.claim.recipient.email for r in results if r.state in _REOPENED]
        barred = self._barred(reopened)
        refusals = self._dynamo.apply(
            [(self._rows.settle(result, barred, now),) for result in results]
            + [self._rows.begin(claim, now) for claim in claims]
        )[len(results) :]
        refused = list(zip(claims, refusals, strict=True))
        self._dynamo.apply(
            [
                (self._rows.suppress(claim.issue_id, claim.recipient.email),)
                for claim, failed in refused
                if ADDRESS_CHECK in failed
            ]
        )
        return [claim for claim, failed in refused if not failed]

    def settle(self, results: Sequence[Result]) -> None:
        """Record what became of claims; see `Ledger`."""
        self.begin((), results)

    def counts(self, issue_id: str) -> Counter[State]:
        """Return the number of rows by state; reads every row of the issue."""
        return Counter(State(row["state"]) for row in self._every_row(issue_id, "#state"))

    def accepted(self, issue_id: str) -> Iterator[Recipient]:
        """Yield who got the issue; reads every row of it."""
        for row in self._every_row(issue_id, "#state, #email, #name"):
            if row["state"] == State.ACCEPTED:
                yield Recipient(row["email"], row["name"])

    def next_due(self, issue_id: str) -> float | None:
        """Return when a claim will next find something; see `Ledger`."""
        soonest = self._soonest(issue_id)
        return soonest if soonest is not None and soonest < tables.HELD else None

    def release_unknown(self, issue_id: str) -> int:
        """Make the issue's unknown rows pending again; see `Ledger`."""
        released = 0
        for shard in shards(issue_id):
            while rows := self._held(shard, MOST_ACTIONS):
                barred = self._barred([row["email"] for row in rows])
                groups = [(self._rows.release(row, barred),) for row in rows]
                released += sum(not failed for failed in self._dynamo.apply(groups))
        return released

    def expire(self, issue_id: str, holder: str) -> int:
        """End the leases of a holder that is gone; see `Ledger`."""
        now, ended = self._clock(), 0
        for shard in shards(issue_id):
            due = self._dynamo.query(
                self._deliveries,
                "#shard = :shard AND #due > :now",
                {"shard": shard, "now": now},
                IndexName=tables.DUE_INDEX,
                ConsistentRead=True,
            )
            leased = [row for row in due if row["state"] in _LEASED]
            ends = [(self._rows.end_lease(row, holder, now),) for row in leased]
            ended += sum(not failed for failed in self._dynamo.apply(ends))
        return ended

    def suppress(self, email: str, reason: str) -> bool:
        """Let nothing go to `email` any more; see `Ledger`."""
        email = email.lower()
        item: Item = {"email": email, "reason": reason, "since": self._clock()}
        [known] = self._dynamo.apply(
            [(put(self._suppressions, item, "attribute_not_exists(#email)"),)]
        )
        # Also where it was known: whoever suppressed it may have died between the two writes.
        self._dynamo.apply(
            [(self._rows.suppress(issue["issue_id"], email),) for issue in self._open_issues()]
        )
        return not known

    def suppressed(self, email: str) -> str | None:
        """Return the reason why nothing goes to `email`, or None."""
        item = self._dynamo.get(self._suppressions, {"email": email.lower()})
        return None if item is None else str(item["reason"])

    def _every_row(self, issue_id: str, attributes: str) -> Iterator[Item]:
        for shard in shards(issue_id):
            yield from self._dynamo.query(
                self._deliveries,
                "#shard = :shard",
                {"shard": shard},
                attributes=attributes,
                ConsistentRead=True,
            )

    def _take(
        self, issue_id: str, rows: Sequence[Item], token: str, lease_seconds: float
    ) -> list[Claim]:
        """Claim those of `rows` that can be claimed; make unknown those that were being sent."""
        now = self._clock()
        refusals = self._dynamo.apply(
            [
                (self._rows.lose(row),)
                if row["state"] == State.SENDING
                else (self._rows.take(row, token, lease_seconds, now),)
                for row in rows
            ]
        )
        return [
            Claim(issue_id, Recipient(row["email"], row["name"]), int(row["attempt"]) + 1, token)
            for row, failed in zip(rows, refusals, strict=True)
            if not failed and row["state"] != State.SENDING
        ]

    def _held(self, shard: str, limit: int) -> list[Item]:
        """Return up to `limit` unknown rows of the shard, of which some may become so only now."""
        leased = self._dynamo.query(
            self._deliveries,
            "#shard = :shard AND #due BETWEEN :first AND :now",
            {"shard": shard, "first": _FIRST_LEASE, "now": self._clock()},
            IndexName=tables.DUE_INDEX,
            ConsistentRead=True,
        )
        self._dynamo.apply(
            [(self._rows.lose(row),) for row in leased if row["state"] == State.SENDING]
        )
        return self._movable(shard, limit, " AND #due = :held", held=tables.HELD)

    def _movable(self, shard: str, limit: int, condition: str = "", **values: Value) -> list[Item]:
        """Return up to `limit` rows of the shard that are not final, the soonest due first."""
        found = self._dynamo.query(
            self._deliveries,
            f"#shard = :shard{condition}",
            {"shard": shard, **values},
            IndexName=tables.DUE_INDEX,
            ConsistentRead=True,
            Limit=limit,
        )
        return list(islice(found, limit))

    def _soonest(self, issue_id: str) -> float | None:
        """Return when the first of the issue's rows is due; None: every row is final."""
        firsts = (row for shard in shards(issue_id) for row in self._movable(shard, 1))
        return min((float(row["due"]) for row in firsts), default=None)

    def _open_issues(self) -> Iterator[Item]:
        return self._dynamo.query(
            self._issues, "#open = :open", {"open": _OPEN}, IndexName=tables.OPEN_INDEX
        )

    def _close(self, issue_id: str) -> None:
        """Take an issue, whose every row is final, off the list of open ones."""
        key = {"issue_id": issue_id}
        closed = update(self._issues, key, "REMOVE #open", "#enrolled = :yes", yes=True)
        self._dynamo.apply([(closed,)])

    def _barred(self, emails: Iterable[str]) -> set[str]:
        """Return those of the addresses that are suppressed."""
        keys = [{"email": email} for email in set(emails)]
        return {item["email"] for item in self._dynamo.present(self._suppressions, keys)}


def _entry(item: Item) -> Entry:
    return Entry(
        issue_id=item["issue_id"],
        path=item["path"],
        newsletter=item["newsletter"],
        zone=item["zone"],
        document_key=item["document_key"],
        revision=int(item["revision"]),
    )

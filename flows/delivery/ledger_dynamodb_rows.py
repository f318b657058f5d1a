"""The writes that move a row of the DynamoDB ledger, each on condition that it still may.

A row that was read moves if it stands as it was read; a claimed one moves for its token.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from flows.delivery import ledger_dynamodb_tables as tables
from flows.delivery.dynamodb_wire import check, put, update
from flows.delivery.ledger import State

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from flows.delivery.dynamodb import Group
    from flows.delivery.dynamodb_wire import Action, Item, Value
    from flows.delivery.ledger import Claim, Result

_AS_READ: Final = "#state = :read_state AND #due = :read_due"
ADDRESS_CHECK: Final = 1  # the position of the check of the address in `Rows.begin`


def shards(issue_id: str) -> list[str]:
    """Return the partitions that hold the issue's rows."""
    return [f"{issue_id}#{number}" for number in range(tables.SHARDS)]


def key(issue_id: str, email: str) -> dict[str, Value]:
    """Return the key of the row of `email` in the issue."""
    number = hashlib.sha256(email.encode()).digest()[0] % tables.SHARDS
    return {"shard": shards(issue_id)[number], "email": email}


class Rows:
    """Writes to the tables `<table_prefix>-…`; `barred` says which addresses are suppressed."""

    def __init__(self, table_prefix: str) -> None:
        self._table = tables.deliveries(table_prefix)
        self._suppressions = tables.suppressions(table_prefix)

    def enter(self, issue_id: str, email: str, name: str, barred: Container[str]) -> Action:
        """Enter a recipient, in place of what an enrolment that was cut off left of it."""
        row = {**key(issue_id, email), "name": name, "attempt": 0}
        if email in barred:
            return put(self._table, {**row, "state": State.SUPPRESSED})
        return put(self._table, {**row, "state": State.PENDING, "due": 0})

    def take(self, row: Item, token: str, lease_seconds: float, now: float) -> Action:
        """Claim a row, under `token`, until the lease runs out."""
        change = "SET #state = :to, #due = :until, #lease_seconds = :lease, #token = :token"
        return self._as_read(
            row,
            change,
            to=State.CLAIMED,
            until=now + lease_seconds,
            lease=lease_seconds,
            token=token,
        )

    def lose(self, row: Item) -> Action:
        """Make a row whose lease ran out while `sending` unknown."""
        change = "SET #state = :to, #due = :held, #attempt = #attempt + :one"
        return self._as_read(row, change, to=State.UNKNOWN, held=tables.HELD, one=1)

    def end_lease(self, row: Item, holder: str, now: float) -> Action:
        """Have the lease on a row run out, if it is the holder's."""
        held = f"{_AS_READ} AND begins_with(#token, :holder)"
        return self._as_read(row, "SET #due = :now", held, now=now, holder=f"{holder} ")

    def begin(self, claim: Claim, now: float) -> Group:
        """Mark a claim as sending unless it is stale or its address suppressed."""
        email = claim.recipient.email
        sending = update(
            self._table,
            key(claim.issue_id, email),
            "SET #state = :to, #due = :now + #lease_seconds",
            "#token = :token AND #state = :claimed AND #due > :now",
            to=State.SENDING,
            claimed=State.CLAIMED,
            now=now,
            token=claim.token,
        )
        free = check(self._suppressions, {"email": email}, "attribute_not_exists(#email)")
        return (sending, free)

    def settle(self, result: Result, barred: Container[str], now: float) -> Action:
        """Record what became of a claim."""
        claim = result.claim
        state, due = _outcome(result, barred, now)
        return update(
            self._table,
            key(claim.issue_id, claim.recipient.email),
            f"SET #state = :to, #attempt = :attempt, #reply = :reply{_set_or_remove_due(due)}",
            "#token = :token AND #state IN (:claimed, :sending, :unknown)",
            to=state,
            attempt=claim.attempt - (result.state is State.PENDING),
            reply=result.reply,
            token=claim.token,
            claimed=State.CLAIMED,
            sending=State.SENDING,
            unknown=State.UNKNOWN,
            **due,
        )

    def release(self, row: Item, barred: Container[str]) -> Action:
        """Make an unknown row pending again."""
        state, due = (
            (State.SUPPRESSED, {}) if row["email"] in barred else (State.PENDING, {"due": 0})
        )
        return self._as_read(row, f"SET #state = :to{_set_or_remove_due(due)}", to=state, **due)

    def suppress(self, issue_id: str, email: str) -> Action:
        """Make a row suppressed unless it is on its way or settled."""
        return update(
            self._table,
            key(issue_id, email),
            "SET #state = :to REMOVE #due",
            "#state IN (:pending, :claimed, :deferred)",
            to=State.SUPPRESSED,
            pending=State.PENDING,
            claimed=State.CLAIMED,
            deferred=State.DEFERRED,
        )

    def _as_read(
        self, row: Item, change: str, condition: str = _AS_READ, /, **values: Value
    ) -> Action:
        return update(
            self._table,
            {"shard": row["shard"], "email": row["email"]},
            change,
            condition,
            read_state=row["state"],
            read_due=row["due"],
            **values,
        )


def _outcome(
    result: Result, barred: Container[str], now: float
) -> tuple[State, Mapping[str, float]]:
    """Return the state that a result leads to and, where the row can still move, its `due`."""
    state = result.state
    if state in {State.PENDING, State.DEFERRED} and result.claim.recipient.email in barred:
        return State.SUPPRESSED, {}
    if state is State.PENDING:
        return state, {"due": 0}
    if state is State.DEFERRED:
        return state, {"due": now if result.retry_at is None else result.retry_at}
    return state, {"due": tables.HELD} if state is State.UNKNOWN else {}


def _set_or_remove_due(due: Mapping[str, float]) -> str:
    return ", #due = :due" if due else " REMOVE #due"

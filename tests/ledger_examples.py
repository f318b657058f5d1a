"""Ledgers for tests: an issue, its recipients, and either kind of ledger under a clock of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from flows.delivery.ledger import Claim, Entry, Ledger, Recipient, Result, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LEASE = 60.0


class Clock:
    """Seconds since the epoch, which stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def ledger_at(address: str, clock: Callable[[], float]) -> Ledger:
    """Open the ledger at `address` as `open_ledger` does, under `clock`."""
    kind, _, rest = address.partition("://")
    if kind == "sqlite":
        from flows.delivery.ledger_sqlite import SqliteLedger

        return SqliteLedger(Path(rest[1:]), clock)
    from flows.delivery.ledger_dynamodb import DynamoLedger

    return DynamoLedger(rest, clock)


def new_tables() -> str:
    """Create a DynamoDB ledger's tables under a name of their own; return its address."""
    from flows.delivery.ledger_dynamodb import create_tables

    prefix = f"t{uuid4().hex[:12]}"
    create_tables(prefix)
    return f"dynamodb://{prefix}"


def an_entry(issue_id: str = "issue-1") -> Entry:
    """Return the entry of an issue."""
    return Entry(issue_id, f"issues/{issue_id}", "wind_solar", "DE_LU", f"key-{issue_id}", 2)


def people(count: int) -> list[Recipient]:
    """Return so many recipients."""
    return [
        Recipient(f"reader{number:05}@mail.example", f"Ada {number}") for number in range(count)
    ]


def emails(claims: Iterable[Claim]) -> list[str]:
    """Return whose rows were claimed, in alphabetical order."""
    return sorted(claim.recipient.email for claim in claims)


def results(claims: Iterable[Claim], state: State, retry_at: float | None = None) -> list[Result]:
    """Return the same result for each claim."""
    return [Result(claim, state, "said the server", retry_at) for claim in claims]

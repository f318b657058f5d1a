"""The delivery ledger's contract: one row per issue and recipient, and who may move it.

    pending ─► claimed ─► sending ─► accepted │ rejected │ unknown
       ▲          │           │
       └─ unsent ─┴───────────┴────► deferred ─► (claimed again when due)

`suppressed` is where an address ends that must get nothing: unsubscribed, or bounced hard.

A mail's data is sent up to its last line, `begin` is committed, and only then goes the final dot.
So a crash leaves at most one row per connection in `sending`, of which nobody knows whether the
server took it; its lease runs out and it becomes `unknown`, which is held, not sent again, unless
an operator says so. Whoever holds a row holds its token; a later claim makes another one, and a
holder with a stale token or an expired lease is refused.

`SqliteLedger` and `DynamoLedger` keep the same promises; one test-suite runs against both. Both may
be shared by any number of threads and processes. An address is the same in any case of its letters;
rows hold it in lower case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flows.errors import SettingsError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

_TABLE_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class State(StrEnum):
    """Where a row stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"


SETTLED = frozenset({State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.SUPPRESSED})


@dataclass(frozen=True)
class Recipient:
    """Who gets a mail; `email` is unique in an issue."""

    email: str
    name: str


@dataclass(frozen=True)
class Entry:
    """An issue in the ledger: what a later run needs to finish it without its event."""

    issue_id: str
    path: str
    newsletter: str
    zone: str
    document_key: str
    revision: int


@dataclass(frozen=True)
class Claim:
    """A row that a holder may send: the `attempt`-th try (from 1), under `token`.

    Only tries that had an outcome count, `unknown` among them; a claim given back unsent, or lost
    with its process before `begin`, does not.
    """

    issue_id: str
    recipient: Recipient
    attempt: int
    token: str


@dataclass(frozen=True)
class Result:
    """What became of a claim: a settled state, `deferred` until a time, or `pending` if unsent.

    `retry_at` is in seconds since the epoch, and of `deferred` only; None means at once. `reply` is
    what the server said, in one line.
    """

    claim: Claim
    state: State
    reply: str = ""
    retry_at: float | None = None


class Ledger(Protocol):
    """What delivery asks of a ledger. Every method is durable when it returns.

    All may raise StorageError (retryable): the ledger can't be reached or written just now. Where
    `begin` raises it, the claims are not to be sent; they may be settled as `pending` later, and
    until then their leases hold.
    """

    def enroll(self, entry: Entry, recipients: Iterable[Recipient]) -> bool:
        """Enter an issue and all its recipients in one step; False where it was there already.

        A suppressed address enters as `suppressed`. Rows that are there stay as they are, and an
        issue that is there takes no more of them. Nothing can be claimed before the last recipient
        is in. Where a crash left a part, `entry` does not know the issue, `unfinished` yields it,
        and the next `enroll` finishes it.
        """

    def entry(self, issue_id: str) -> Entry | None:
        """Return the issue's entry, or None where it was never enrolled to the end."""

    def unfinished(self) -> Iterator[Entry]:
        """Yield each issue with rows that are not settled, the first enrolled one first.

        Among them are issues whose enrolment a crash cut off: enrol each, then send.
        """

    def held(self) -> Iterator[Entry]:
        """Yield each issue with unknown rows, for an operator to decide; the first one first.

        Rows whose lease ran out while `sending` are unknown, too.
        """

    def claim(self, issue_id: str, holder: str, *, lease_seconds: float, limit: int) -> list[Claim]:
        """Take up to `limit` rows: pending ones, deferred ones that are due, expired claims.

        Rows whose lease ran out while `sending` become `unknown`, all of them once a claim comes
        back with less than it asked for. `holder` says who it is (host, process) to operators who
        look at the rows. Empty means that nothing can be taken now; `next_due` says when to ask
        again.
        """

    def begin(self, claims: Sequence[Claim], results: Sequence[Result] = ()) -> list[Claim]:
        """Settle `results` and mark `claims` as sending, in one commit; return those that may go.

        Refused, and not returned, is a claim that has begun before, whose token is stale, whose
        lease ran out, or whose address was suppressed meanwhile: that row becomes `suppressed`.
        The lease of what is returned starts anew, as long as it was claimed for.
        """

    def settle(self, results: Sequence[Result]) -> None:
        """Record what became of claims; a result with a stale token changes nothing.

        Late news of a row that became `unknown` under the same token settles it after all. A row
        that would be open again (`deferred`, `pending`) becomes `suppressed` where its address is.
        """

    def counts(self, issue_id: str) -> Counter[State]:
        """Return the number of rows by state; their sum is the number of recipients.

        SQLite keeps the sums. DynamoDB reads every row of the issue: ask it at the end of a send,
        not once a second.
        """

    def accepted(self, issue_id: str) -> Iterator[Recipient]:
        """Yield who got the issue, in no order: whose mail a server, or the outbox, accepted."""

    def next_due(self, issue_id: str) -> float | None:
        """Return when a claim will next find something, in seconds since the epoch.

        That is 0 where a row is pending, else when the next deferred row is due or the next lease
        runs out. None: no row is open, and none will be unless an operator releases unknown ones.
        """

    def release_unknown(self, issue_id: str) -> int:
        """Make the issue's unknown rows pending again, by an operator's word; return how many.

        Rows whose lease ran out while `sending` are among them. One whose address was suppressed
        meanwhile becomes `suppressed` instead, and counts too.
        """

    def expire(self, issue_id: str, holder: str) -> int:
        """End the leases on the issue's rows of a holder that is known to be gone; return how many.

        It is as if they ran out now: what was claimed can be claimed again, and what was being sent
        becomes unknown. A holder that lives after all is refused, as one that was too late is.
        """

    def suppress(self, email: str, reason: str) -> bool:
        """Let nothing go to `email` any more; False where it was suppressed already.

        Its rows in any issue that are pending, claimed or deferred become `suppressed`.
        """

    def suppressed(self, email: str) -> str | None:
        """Return the reason why nothing goes to `email`, or None."""


def open_ledger(address: str) -> Ledger:
    """Open the ledger at `address`.

    Args:
        address: `sqlite:///var/ledger.db` (from the current folder), `sqlite:////srv/ledger.db`
            (from the root) as SQLAlchemy has them, or `dynamodb://table-prefix`, whose region and
            credentials come from the environment as boto3 finds them.

    Raises:
        SettingsError: the address has another form, or names a file that is no ledger.
        StorageError: the ledger can't be opened just now.
    """
    scheme, _, rest = address.partition("://")
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        # Each implementation imports this module, so this one can't import them at its head.
        from flows.delivery.ledger_sqlite import SqliteLedger  # noqa: PLC0415 — see above

        return SqliteLedger(Path(rest[1:]))
    if scheme == "dynamodb" and _TABLE_PREFIX.fullmatch(rest):
        from flows.delivery.ledger_dynamodb import DynamoLedger  # noqa: PLC0415 — see above

        return DynamoLedger(rest)
    raise SettingsError(
        f"{address} is no address of a ledger",
        remedy="Write sqlite:///folder/ledger.db or dynamodb://table-prefix.",
        setting="GRIDLETTER_LEDGER",
    )

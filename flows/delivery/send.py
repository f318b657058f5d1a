"""Send an issue: every recipient that its ledger has open, over several connections at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flows.delivery.claims import Claims
from flows.delivery.connection import Connection, Shared
from flows.delivery.ledger import SETTLED
from flows.delivery.pace import Pace
from flows.delivery.policy import Policy

if TYPE_CHECKING:
    import smtplib
    from collections import Counter
    from collections.abc import Callable
    from threading import Event

    from flows.delivery.compose import Prepared
    from flows.delivery.ledger import Ledger, State

_TICK_SECONDS: Final = 0.1


def deliver(
    ledger: Ledger,
    prepared: Prepared,
    connect: Callable[[], smtplib.SMTP],
    *,
    holder: str,
    policy: Policy | None = None,
    stop: Event | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Counter[State]:
    """Send the issue's mails that are open; return how many rows are in which state.

    Returns when every row is settled, or none comes due within `policy.patience_seconds`; a later
    call goes on from there. Several calls at once, in any processes, share the work.

    Args:
        ledger: Where the issue and its recipients are enrolled.
        prepared: The issue's mail.
        connect: Opens a connection, greeted, secured and logged in, or raises what `dial` does.
        holder: Who sends (host, process), for operators who look at the ledger.
        policy: How patient and polite to be.
        stop: Once set, mails that are under way are finished and all other rows released.
        progress: Called from this thread with how many rows are settled, and of how many.

    Raises:
        DeliveryError: the server takes nothing from us as things are set.
        MailServerUnavailable: it can't be reached, or most mails fail.
        StorageError: the ledger can't be read or written.
    """
    policy = policy or Policy()
    before = ledger.counts(prepared.issue_id)
    total, settled_before = before.total(), sum(before[state] for state in SETTLED)
    claims = Claims(prepared.issue_id, ledger, holder, policy)
    pace = Pace(policy, claims.closed)
    shared = Shared(ledger, prepared, connect, policy, claims, pace)
    count = min(policy.connections, total - settled_before)
    connections = [Connection(shared, number) for number in range(count)]
    try:
        for connection in connections:
            connection.start()
        while alive := [connection for connection in connections if connection.is_alive()]:
            if stop is not None and stop.is_set():
                claims.close()
            if progress is not None:
                progress(settled_before + claims.settled, total)
            alive[0].join(_TICK_SECONDS)
    finally:
        claims.close()
        for connection in connections:
            connection.join()
        claims.give_back()
    if claims.error is not None:
        raise claims.error
    counts = ledger.counts(prepared.issue_id)
    if progress is not None:
        progress(sum(counts[state] for state in SETTLED), total)
    return counts

"""One of the connections of a send: takes claims, sends their mails, records what became of them.

For each mail: the body up to its last line, `begin` in the ledger, the dot. The commit of `begin`
carries the result of the mail before, and runs while the body is still on its way. At each moment
at most one row of a connection is in `sending`.
"""

from __future__ import annotations

import logging
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from flows.delivery.ledger import Result, State
from flows.delivery.reader import ConnectionLost
from flows.delivery.replies import SERVICE_CLOSING
from flows.delivery.session import Session
from flows.errors import MailServerUnavailable, StorageError, SubscriberError, one_line

if TYPE_CHECKING:
    import smtplib
    from collections.abc import Callable

    from flows.delivery.claims import Claims
    from flows.delivery.compose import Prepared
    from flows.delivery.ledger import Claim, Ledger
    from flows.delivery.pace import Pace
    from flows.delivery.policy import Policy
    from flows.delivery.replies import Reply

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shared:
    """What the connections of one send have in common.

    `lost` holds the addresses to which a mail was under way when its connection was lost.
    """

    ledger: Ledger
    prepared: Prepared
    connect: Callable[[], smtplib.SMTP]
    policy: Policy
    claims: Claims
    pace: Pace
    lost: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Outgoing:
    claim: Claim
    mail: bytes


class _HangUp(Exception):
    """A mail must not be finished: only closing the connection before its dot prevents it."""


class Connection(Thread):
    """Sends until no claim is left, over a new SMTP connection whenever one is lost."""

    def __init__(self, shared: Shared, number: int) -> None:
        super().__init__(name=f"delivery-{number}")
        self._shared = shared
        self._claims = shared.claims
        self._pace = shared.pace
        self._policy = shared.policy
        # Claims whose dot was not sent, and results that are not in the ledger yet.
        self._in_hand: list[Claim] = []
        self._results: list[Result] = []

    def run(self) -> None:
        """Send. An error ends the whole send, and `Claims.error` has it."""
        try:
            outgoing = self._take(math.inf)
            while outgoing is not None and self._pace.go(math.inf):
                try:
                    smtp = self._shared.connect()
                except MailServerUnavailable as error:
                    if self._pace.refused(error):
                        continue
                    return
                outgoing = self._use(smtp, outgoing) or self._take(math.inf)
        except BaseException as error:  # noqa: BLE001 - whoever started the thread raises it
            self._claims.close(error)
        finally:
            self._give_back()

    def _use(self, smtp: smtplib.SMTP, outgoing: _Outgoing) -> _Outgoing | None:
        """Send what comes over one SMTP connection; return what is to go over another one."""
        self._pace.connected()
        try:
            with Session(smtp, self._shared.prepared.sender, self._policy) as session:
                return self._converse(session, outgoing)
        except _HangUp:
            return None
        except ConnectionLost as lost:
            _LOG.info("a connection was lost: %s", lost)
            for claim in self._in_hand.copy():
                self._unsent(claim, str(lost))
            self._record()
            self._pace.slow_down()
            self._pace.note(failed=True)
            return None
        finally:
            self._pace.disconnected()

    def _converse(self, session: Session, outgoing: _Outgoing) -> _Outgoing | None:
        self._offer(session, outgoing)
        while True:
            following = self._send(session, outgoing) or self._offer_next(session)
            if following is None:
                self._record()
                following = self._take(self._policy.idle_seconds)
                if following is None or not self._pace.go(self._policy.idle_seconds):
                    session.quit()
                    return following
                self._offer(session, following)
            outgoing = following

    def _send(self, session: Session, outgoing: _Outgoing) -> _Outgoing | None:
        """Send a mail that was offered; return the next one where it was offered along with it."""
        claim = outgoing.claim
        refusal = session.wait_for_go()
        if refusal is not None:
            self._judge(claim, refusal)
            return None
        session.send(outgoing.mail)
        if not self._begin(claim):
            raise _HangUp
        following = self._offer_next(session) if session.pipelining else None
        # From here on the claim is never given back as unsent, unless it is known to be.
        self._in_hand.remove(claim)
        try:
            reply = session.finish()
        except ConnectionLost:
            self._in_hand.append(claim)
            raise
        self._judge(claim, reply)
        if reply is None or reply.code == SERVICE_CLOSING:
            raise ConnectionLost(str(reply or "no reply to a mail"))
        return following

    def _offer_next(self, session: Session) -> _Outgoing | None:
        """Offer the next mail and return it, where there is one that may go at once."""
        following = self._take(within=0) if self._pace.go(within=0) else None
        if following is not None:
            self._offer(session, following)
        return following

    def _offer(self, session: Session, outgoing: _Outgoing) -> None:
        session.offer(outgoing.claim.recipient.email, len(outgoing.mail))

    def _take(self, within: float) -> _Outgoing | None:
        """Return a claim with its mail; an address that mail can't go to is rejected at once."""
        while (claim := self._claims.take(within)) is not None:
            self._in_hand.append(claim)
            try:
                return _Outgoing(claim, self._shared.prepared.mail_to(claim.recipient))
            except SubscriberError as error:
                self._conclude(claim, State.REJECTED, str(error))
                self._record()
        return None

    def _begin(self, claim: Claim) -> bool:
        """Commit that the dot is next, and the results so far; return False where it may not go."""
        may_go = bool(self._shared.ledger.begin([claim], self._results))
        self._recorded()
        if not may_go:
            self._in_hand.remove(claim)
            self._claims.done(None)
        return may_go

    def _judge(self, claim: Claim, reply: Reply | None) -> None:
        """Conclude a claim by what the server said of its mail, or by its silence.

        Raises:
            MailServerUnavailable: most mails fail, and pauses do not help.
        """
        said = str(reply or "no reply came to the mail")
        if reply is not None and reply.asks_to_slow_down:
            self._pace.slow_down()
        if reply is not None and reply.is_good:
            self._conclude(claim, State.ACCEPTED, said)
        elif reply is not None and reply.is_transient:
            self._defer(claim, said)
        elif reply is not None and reply.is_permanent:
            self._conclude(claim, State.REJECTED, said)
            if reply.is_hard_bounce:
                # Recorded first, or the row would be suppressed and the refusal forgotten.
                self._record()
                self._shared.ledger.suppress(claim.recipient.email, f"bounced: {said}")
        else:
            self._conclude(claim, State.UNKNOWN, said)
        self._pace.note(failed=reply is None or not reply.is_good)

    def _defer(self, claim: Claim, why: str) -> None:
        wait = self._policy.retry_wait(claim.attempt)
        if wait is None:
            self._conclude(claim, State.REJECTED, f"given up after {claim.attempt} attempts: {why}")
        else:
            self._conclude(claim, State.DEFERRED, why, time.time() + wait)

    def _unsent(self, claim: Claim, why: str) -> None:
        """Release a claim whose connection was lost before the dot.

        The second time it waits as if it were deferred: it may be the mail that the server dies of.
        """
        if claim.recipient.email in self._shared.lost:
            self._defer(claim, why)
        else:
            self._shared.lost.add(claim.recipient.email)
            self._conclude(claim, State.PENDING, why)

    def _conclude(
        self, claim: Claim, state: State, reply: str = "", retry_at: float | None = None
    ) -> None:
        with suppress(ValueError):
            self._in_hand.remove(claim)
        self._results.append(Result(claim, state, one_line(reply), retry_at))

    def _record(self) -> None:
        if self._results:
            self._shared.ledger.settle(self._results)
            self._recorded()

    def _recorded(self) -> None:
        results, self._results = self._results, []
        for result in results:
            self._claims.done(result)

    def _give_back(self) -> None:
        """Release what is in hand, at the end; where the ledger fails, leases do it."""
        for claim in self._in_hand.copy():
            self._conclude(claim, State.PENDING)
        with suppress(StorageError):
            self._record()

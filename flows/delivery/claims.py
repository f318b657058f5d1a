"""The rows that one send has claimed, handed out to its connections one by one."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from threading import Condition, Event
from typing import TYPE_CHECKING, Final

from flows.delivery.ledger import SETTLED, Result, State
from flows.errors import StorageError

if TYPE_CHECKING:
    from flows.delivery.ledger import Claim, Ledger
    from flows.delivery.policy import Policy

# A process that dies holds what it has claimed until the lease runs out, so claims are few.
_CLAIMS_A_CONNECTION: Final = 16
_ASK_AGAIN_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 1.0


class Claims:
    """Hands out an issue's rows until none is left, or due soon enough; all threads share it.

    Attributes:
        closed: Set when nothing is handed out any more: at the end, on request, after an error.
        settled: How many rows this send has settled so far.
        error: What ended the send before its time.
    """

    def __init__(self, issue_id: str, ledger: Ledger, holder: str, policy: Policy) -> None:
        self.closed = Event()
        self.settled = 0
        self.error: BaseException | None = None
        self._issue_id = issue_id
        self._ledger = ledger
        self._holder = holder
        self._policy = policy
        self._changed = Condition()
        self._waiting: deque[Claim] = deque()
        self._claimed_at = 0.0
        self._out = 0
        self._ask_at = 0.0
        self._idle_since: float | None = None

    def take(self, within: float) -> Claim | None:
        """Return a claim, waiting up to `within` seconds for one; None where there is none.

        Raises:
            StorageError: the ledger can't be reached.
        """
        deadline = time.time() + within
        with self._changed:
            while not self.closed.is_set():
                self._refill()
                if self._waiting:
                    self._out += 1
                    return self._waiting.popleft()
                if self._is_over():
                    self.close()
                    return None
                now = time.time()
                if now >= deadline:
                    return None
                self._changed.wait(min(self._ask_at - now, deadline - now, _LOOK_SECONDS))
        return None

    def done(self, result: Result | None) -> None:
        """Take note that a claim's result is in the ledger; None where the ledger refused it."""
        with self._changed:
            self._out -= 1
            if result is not None and result.state in SETTLED:
                self.settled += 1
            if not self._out or (result is not None and result.state not in SETTLED):
                # A row is open again, or what was due next were this send's own leases.
                self._ask_at = 0.0
                self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """Hand out nothing more; what was taken is finished."""
        with self._changed:
            self.error = self.error or error
            self.closed.set()
            self._changed.notify_all()

    def give_back(self) -> None:
        """Release what was claimed and not handed out, unless its lease does so."""
        with self._changed:
            self._release()

    def _refill(self) -> None:
        """Claim rows where none are left and there may be some, or those left are too old."""
        now = time.time()
        if self._waiting and now - self._claimed_at > self._policy.lease_seconds / 3:
            self._release()
        if self._waiting or now < self._ask_at:
            return
        self._waiting.extend(
            self._ledger.claim(
                self._issue_id,
                self._holder,
                lease_seconds=self._policy.lease_seconds,
                limit=_CLAIMS_A_CONNECTION * self._policy.connections,
            )
        )
        self._claimed_at = now
        if self._waiting:
            self._idle_since = None
            self._ask_at = 0.0
            return
        due = self._ledger.next_due(self._issue_id)
        self._ask_at = float("inf") if due is None else max(due, now + _ASK_AGAIN_SECONDS)

    def _is_over(self) -> bool:
        """Return whether nothing is out, and nothing comes due while there is patience."""
        if self._out:
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = time.time()
        return self._ask_at - self._idle_since > self._policy.patience_seconds

    def _release(self) -> None:
        unsent = [Result(claim, State.PENDING) for claim in self._waiting]
        self._waiting.clear()
        if unsent:
            with suppress(StorageError):
                self._ledger.settle(unsent)

"""When the next mail may go: a rate limit, pauses that the server asks for, a circuit breaker."""

from __future__ import annotations

import logging
import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Final

from flows.errors import MailServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from flows.delivery.policy import Policy

_LOG = logging.getLogger(__name__)

# The breaker looks at so many attempts, once there are enough of them to judge.
WINDOW: Final = 20
ENOUGH: Final = 10


class Pace:
    """Shared by all connections of one send; `closed` ends every wait."""

    def __init__(
        self, policy: Policy, closed: Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._closed = closed
        self._clock = clock
        self._lock = Lock()
        self._interval = 1 / policy.mails_per_second if policy.mails_per_second else 0.0
        self._next_at = 0.0
        self._paused_until = 0.0
        self._pauses = 0
        self._failed: deque[bool] = deque(maxlen=WINDOW)
        self._trips = 0
        self._connects_failed = 0
        self._open = 0

    def go(self, within: float) -> bool:
        """Wait until a mail may go, which it then must; False where that is not `within` seconds.

        The rate is kept by a token bucket that holds one token: mails go evenly, never in bursts.
        """
        deadline = self._clock() + within
        while not self._closed.is_set():
            with self._lock:
                now = self._clock()
                due = max(self._next_at, self._paused_until)
                if due <= now:
                    self._next_at = now + self._interval
                    return True
            if due > deadline:
                return False
            self._closed.wait(due - now)
        return False

    def slow_down(self) -> None:
        """Pause all connections, longer each time, as the server asked for it."""
        with self._lock:
            self._pause()

    def _pause(self) -> bool:
        """Return whether the pause is new; what others heard meanwhile asks for the same one."""
        now = self._clock()
        if now < self._paused_until:
            return False
        self._pauses += 1
        seconds = self._policy.pause(self._pauses)
        self._paused_until = now + seconds
        _LOG.info("the mail server asks for a pause: %.0f s", seconds)
        return True

    def note(self, *, failed: bool) -> None:
        """Take note of what became of a mail; pause where half of the recent ones failed.

        Raises:
            MailServerUnavailable: pausing did not help, several times in a row.
        """
        with self._lock:
            self._failed.append(failed)
            failures = sum(self._failed)
            if len(self._failed) >= ENOUGH and 2 * failures >= len(self._failed):
                self._failed.clear()
                self._trips += 1
                seconds = self._policy.longest_pause_seconds
                self._paused_until = self._clock() + seconds
                _LOG.warning("half of the latest mails failed: a pause of %.0f s", seconds)
                if self._trips >= self._policy.most_failures:
                    raise MailServerUnavailable(
                        "most mails fail, and pauses do not help",
                        remedy="See what the mail server replied; a later run sends the rest.",
                    )
            elif len(self._failed) == WINDOW and not failures:
                self._trips = self._pauses = 0

    def connected(self) -> None:
        """Take note of an opened connection."""
        with self._lock:
            self._open += 1
            self._connects_failed = 0

    def disconnected(self) -> None:
        """Take note that a connection that was opened is closed."""
        with self._lock:
            self._open -= 1

    def refused(self, error: MailServerUnavailable) -> bool:
        """Pause as a connection could not be opened; False where others work without it.

        Servers limit connections: who comes too many goes, and the others are not to wait.

        Raises:
            MailServerUnavailable: `error`, if no connection could be opened several times in a row.
        """
        with self._lock:
            if self._open:
                return False
            if self._pause():
                self._connects_failed += 1
            if self._connects_failed >= self._policy.most_failures:
                raise error
            return True

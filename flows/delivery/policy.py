"""How patient and how polite a send is: every number of it, once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Times are in seconds. RFC 5321 gives the waits for replies (4.5.3.2) and retries (4.5.4.1).

    Attributes:
        connections: How many connections send side by side, each one mail after the other.
        mails_per_second: The most that go out, over all connections; None where nothing limits it.
        command_seconds: How long a server may take to answer a command.
        reply_seconds: How long it may take to answer a mail; after that nobody knows its fate.
        lease_seconds: How long rows are claimed for; longer than `reply_seconds`.
        patience_seconds: How long a send waits for deferred rows; later ones are a later run's.
        first_retry_seconds: The wait after the first 4xx; each further one doubles it …
        longest_retry_seconds: … up to this.
        most_attempts: A mail that was deferred as often as this is rejected.
        first_pause_seconds: The pause for all after a server asked for it; each further one
            doubles it …
        longest_pause_seconds: … up to this, which is also the pause when half of the attempts fail.
        most_failures: So many failed connects, or pauses because of failures, in a row end a send.
        idle_seconds: A connection that had nothing to send for so long is closed.
    """

    connections: int = 4
    mails_per_second: float | None = None
    command_seconds: float = 300
    reply_seconds: float = 600
    lease_seconds: float = 900
    patience_seconds: float = 600
    first_retry_seconds: float = 60
    longest_retry_seconds: float = 4 * 3600
    most_attempts: int = 24
    first_pause_seconds: float = 1
    longest_pause_seconds: float = 120
    most_failures: int = 5
    idle_seconds: float = 5

    def retry_wait(self, attempt: int) -> float | None:
        """Return how long to wait after the `attempt`-th try (from 1), None to give up.

        With the defaults a mail is tried for almost three days.
        """
        if attempt >= self.most_attempts:
            return None
        return _doubling(self.first_retry_seconds, self.longest_retry_seconds, attempt)

    def pause(self, level: int) -> float:
        """Return how long to pause when the server asked for it the `level`-th time (from 1)."""
        return _doubling(self.first_pause_seconds, self.longest_pause_seconds, level)


def _doubling(first: float, longest: float, number: int) -> float:
    # The exponent is bounded, for 2.0 to the 1024th overflows.
    return min(longest, first * 2.0 ** min(number - 1, 64))

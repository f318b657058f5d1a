"""A process that sends an issue as the flow does: enrol, prepare, deliver, till done or stopped."""

from __future__ import annotations

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from mail_seams import Stop, WatchedLedger, watch

from flows.delivery.policy import Policy
from flows.delivery.send import deliver
from flows.delivery.smtp import Security, SmtpServer, dial
from ledger_examples import an_entry, ledger_at, people
from ledger_sender import FORKS
from smtp_sink import HOST

if TYPE_CHECKING:
    import smtplib
    from multiprocessing.context import ForkServerProcess

    from flows.delivery.compose import Prepared
    from flows.delivery.ledger import Ledger

# More than ledgers alone need: hundreds of senders start, and each is to begin at once.
FORKS.set_forkserver_preload(
    [
        "pytest",
        "flows.delivery.compose",
        "flows.delivery.send",
        "flows.delivery.smtp",
        "flows.delivery.ledger_sqlite",
        "flows.delivery.ledger_dynamodb",
    ]
)

FAST = Policy(
    command_seconds=20,
    reply_seconds=20,
    lease_seconds=60,
    patience_seconds=10,
    first_retry_seconds=0.1,
    longest_retry_seconds=0.4,
    first_pause_seconds=0.01,
    longest_pause_seconds=0.05,
    idle_seconds=1,
)


@dataclass(frozen=True)
class Sender:
    """One process: of which issue, by which ledger, to which server, and where it stops.

    `ahead_seconds` is what it believes the time to be, ahead of the true one: so leases of before
    are over. As many `runs` of it share the process, each with a ledger and connections of its own.
    """

    address: str
    port: int
    prepared: Prepared
    recipients: int
    policy: Policy = FAST
    ahead_seconds: float = 0
    runs: int = 1
    stop: Stop | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> ForkServerProcess:
        """Start the process."""
        process = FORKS.Process(target=self.run, daemon=True)
        process.start()
        return process

    def ledger(self) -> Ledger:
        """Open the ledger as this sender does."""
        return ledger_at(self.address, lambda: time.time() + self.ahead_seconds)

    def run(self) -> None:
        """Send what is open; SIGTERM ends it politely."""
        os.environ.update(self.environment)
        told = Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        with ThreadPoolExecutor(self.runs) as pool:
            for future in [pool.submit(self._send, told) for _ in range(self.runs)]:
                future.result()

    def _send(self, told: Event) -> None:
        ledger = self.ledger()
        if self.stop is not None:
            ledger = WatchedLedger(ledger, self.stop)
        ledger.enroll(an_entry(self.prepared.issue_id), people(self.recipients))
        holder = f"{socket.gethostname()} {os.getpid()}"
        deliver(ledger, self.prepared, self._connect, holder=holder, policy=self.policy, stop=told)

    def _connect(self) -> smtplib.SMTP:
        server = SmtpServer(HOST, self.port, Security.NONE)
        smtp = dial(server, timeout_seconds=self.policy.command_seconds)
        return smtp if self.stop is None else watch(smtp, self.stop)

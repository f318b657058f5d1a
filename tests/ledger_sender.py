"""A sender without a network, for processes that get killed: its mail server is a file.

A line in the file is a mail that the server took. Each sender is a process of its own, forked from
a server that has the ledgers imported, so that hundreds of them cost seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.delivery.ledger import Claim, Ledger, Result, State
from ledger_examples import an_entry, ledger_at, people

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["flows.delivery.ledger_sqlite", "flows.delivery.ledger_dynamodb"])


@dataclass(frozen=True)
class Send:
    """One process that sends an issue: where to, how, and where it stops."""

    address: str
    server: Path
    issue_id: str = "issue-1"
    recipients: int = 100
    connections: int = 2
    lease_seconds: float = 60.0
    # What this process believes the time to be, ahead of the true one: leases of before are over.
    ahead_seconds: float = 0.0
    # SQLite alone: die before so many statements.
    dies_at_statement: int | None = None
    # Stop (SIGSTOP) "before" or "after" the first `begin`, until someone lets it go on.
    stops: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> ForkServerProcess:
        """Start the process."""
        process = FORKS.Process(target=self.run, daemon=True)
        process.start()
        return process

    def run(self) -> None:
        """Send all that can be sent now."""
        os.environ.update(self.environment)
        ledger = ledger_at(self.address, lambda: time.time() + self.ahead_seconds)
        if self.dies_at_statement is not None:
            _die_at(ledger, self.dies_at_statement)
        ledger.enroll(an_entry(self.issue_id), people(self.recipients))
        with (
            self.server.open("ab", buffering=0) as server,
            ThreadPoolExecutor(self.connections) as pool,
        ):
            for future in [
                pool.submit(self._connection, ledger, server.fileno())
                for _ in range(self.connections)
            ]:
                future.result()

    def _connection(self, ledger: Ledger, server: int) -> None:
        stops = {self.stops}
        results: list[Result] = []
        while claims := self._claim(ledger):
            for claim in claims:
                _stop_once("before", stops)
                begun = ledger.begin([claim], results)
                _stop_once("after", stops)
                for going in begun:
                    os.write(server, f"{going.recipient.email}\n".encode())
                results = [Result(going, State.ACCEPTED, "250 taken") for going in begun]
        ledger.settle(results)

    def _claim(self, ledger: Ledger) -> list[Claim]:
        holder = f"sender {os.getpid()}"
        return ledger.claim(self.issue_id, holder, lease_seconds=self.lease_seconds, limit=5)


def _stop_once(where: str, stops: set[str]) -> None:
    if where in stops:
        stops.clear()
        # To this thread: sent to the process, another one may take it while this one goes on.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _die_at(ledger: Ledger, statement: int) -> None:
    left = statement

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    ledger._database._database.set_trace_callback(count)


def taken(server: Path) -> list[str]:
    """Return whose mails the server took."""
    return server.read_text().split() if server.exists() else []

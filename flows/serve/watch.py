"""Looks after the pool: runs of the dead are run again, stuck ones are reported, old things go."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import httpx
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from flows import metrics
from flows.errors import GridletterError
from flows.serve import orphans
from flows.serve.names import RESUME
from flows.serve.runs import age_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect.client.schemas.objects import FlowRun

    from flows.claims import Claims
    from flows.delivery.ledger import Ledger
    from flows.gateway.inbox import Inbox
    from flows.serve.runs import Pool

PENDING_SECONDS: Final = 120
UNTAKEN_SECONDS: Final = 300
_LOOK_SECONDS: Final = 15
_UPKEEP_SECONDS: Final = 3600
_RESUME_SECONDS: Final = 300
_KEPT: Final = timedelta(days=30)
_log = logging.getLogger(__name__)


@dataclass
class Watch:
    """Looks every few seconds, in a thread of its own.

    Args:
        pool: Its runs.
        inbox: Messages that were handed over a month ago are forgotten.
        ledger: Mails that are due again while no run sends any are gone on with.
        claims: Large messages that the inbox does not know (any more) are removed.
        report: Told about a run that needs somebody.
    """

    pool: Pool
    inbox: Inbox
    ledger: Ledger
    claims: Claims
    report: Callable[[str], None]
    _reported: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _upkeep_due: float = 0
    _resume_due: float = 0
    # Runners need time to show that they live, after this process or the API has come back.
    _answering_since: float | None = None

    @property
    def stuck(self) -> int:
        """How many runs are stuck at the moment."""
        return len(self._reported)

    def stop(self) -> None:
        """Have `run` return soon."""
        self._stop.set()

    def run(self) -> None:
        """Look until `stop`; whatever fails meanwhile is tried again."""
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                self.look()
            except (httpx.HTTPError, ObjectNotFound, GridletterError):
                self._answering_since = None  # who forwards messages says that the API is away
            except Exception:  # noqa: BLE001 - nobody would see this thread end
                _log.exception("the pool can't be looked after")

    def look(self) -> None:
        """Look once.

        Raises:
            HTTPError: the API is away.
            StorageError: inbox or claims can't be used just now.
        """
        now = time.monotonic()
        stuck = {str(run.id): what for run, what in self._stuck()}
        for run_id, what in stuck.items():
            if run_id not in self._reported:
                metrics.RUNS_STUCK.inc()
                self.report(what)
        self._reported = set(stuck)
        if self._answering_since is None:
            self._answering_since = now
        if now - self._answering_since > orphans.LONGEST_SILENCE_SECONDS:
            for what in orphans.of_the_dead(self.pool):
                self.report(what)
        if now >= self._resume_due:
            self._resume_due = now + _RESUME_SECONDS
            self._resume()
        if now >= self._upkeep_due:
            self._upkeep_due = now + _UPKEEP_SECONDS
            self.inbox.purge(_KEPT)
            self.claims.remove_unless(lambda digest: self.inbox.sent(digest) is not None)

    def _resume(self) -> None:
        """Go on with mails that were deferred, or whose sender died: nobody else would."""
        unfinished = self.pool.unfinished(StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING)
        if any(_seconds_due(run) >= 0 for run in unfinished):
            return
        waits = (self.ledger.next_due(entry.issue_id) for entry in self.ledger.unfinished())
        if any(wait is not None and wait <= time.time() for wait in waits):
            self.pool.start(RESUME)

    def _stuck(self) -> Iterator[tuple[FlowRun, str]]:
        for run in self.pool.unfinished(StateType.PENDING):
            if age_seconds(run) > PENDING_SECONDS:
                what = (
                    f"the flow run {run.name} ({run.id}) has been pending for "
                    f"{age_seconds(run):.0f} s: whoever took it has not started it. "
                    "See its infrastructure's log, then cancel it in Prefect and run it again: "
                    "nobody gets a mail twice."
                )
                yield run, what
        # Those that wait behind others are no news as long as runs are taken at all.
        last = self.pool.last_started()
        if last is not None and _seconds_since(last) < UNTAKEN_SECONDS:
            return
        for run in self.pool.unfinished(StateType.SCHEDULED)[:1]:
            if _seconds_due(run) > UNTAKEN_SECONDS:
                what = (
                    f"the flow run {run.name} ({run.id}) has been due for "
                    f"{_seconds_due(run):.0f} s, and nobody takes runs from the pool "
                    f"{self.pool.name}. See in Prefect whether it is paused, and whether the "
                    "runners of gridletter serve are alive."
                )
                yield run, what


def _seconds_due(run: FlowRun) -> float:
    """Return for how long the run has been due, below 0 where it is for later."""
    due = run.next_scheduled_start_time
    return 0 if due is None else _seconds_since(due)


def _seconds_since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()

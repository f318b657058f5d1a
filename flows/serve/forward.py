"""From the inbox to Prefect: each message becomes an event, until its flow run is seen.

Prefect keeps events in memory for a moment, and forgets them when it is killed; an automation that
fails starts nothing, and says so nowhere that we would hear. So a message is handed over only when
a flow run has it. Until then its event is emitted again, at growing intervals; after some times the
operators are told. While the API is away nothing is emitted, and messages wait on the disk.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from flows import metrics
from flows.deploy.events import document_event
from flows.errors import GridletterError
from flows.serve.confirm import Confirmer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect.client.orchestration import SyncPrefectClient

    from flows.claims import Claims
    from flows.gateway.inbox import Inbox, Message

# Prefect's queues drop what does not fit, and a message's body is in memory meanwhile.
_MOST_UNCONFIRMED: Final = 20
_MOST_BYTES_AT_ONCE: Final = 4 << 20
_REPORTED_AFTER: Final = 5
_AGAIN_SECONDS: Final = 20
_LONGEST_AGAIN_SECONDS: Final = 600
_MOST_DOUBLINGS: Final = 10
# A look takes the server from the run that is looked for.
_LOOK_SECONDS: Final = 1
# Prefect's server closes connections that were idle for 5 s: asking just then would fail.
_IDLE_SECONDS: Final = 7
_FIRST_PAUSE_SECONDS: Final = 1
_LONGEST_PAUSE_SECONDS: Final = 15
_log = logging.getLogger(__name__)


@dataclass
class Forwarder:
    """Hands messages over, in order, in a thread of its own.

    Args:
        inbox: Where messages wait.
        client: Asks no more often than it is told to: with `PREFECT_CLIENT_MAX_RETRIES` 0.
        claims: Where large messages wait for their run.
        report: Told about a message whose events start no run.
    """

    inbox: Inbox
    client: SyncPrefectClient
    claims: Claims
    report: Callable[[str], None]
    last_answer: float | None = None
    """When the API last answered, by the monotonic clock."""
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: bool = False
    _emitted: dict[str, float] = field(default_factory=dict)
    _reported: set[str] = field(default_factory=set)
    # When the last confirmed event was emitted, and when that was seen.
    _confirmed: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self._confirmer = Confirmer(self.client, self.claims)

    def wake(self) -> None:
        """Have it look at the inbox now; may be called from any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Have `run` return soon."""
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Hand messages over until `stop`; whatever fails meanwhile is tried again."""
        pause = 0.0
        while not self._stopping:
            self._wake.clear()
            try:
                waits = self.turn()
            except Exception as error:  # noqa: BLE001 - nobody would see this thread end
                known = isinstance(error, (httpx.HTTPError, GridletterError))
                # A second's absence is no news.
                if pause == (_FIRST_PAUSE_SECONDS if known else 0):
                    reason = str(error) or type(error).__name__
                    _log.warning("messages wait: %s", reason, exc_info=None if known else error)
                pause = min(2 * pause or _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
                time.sleep(pause)
            else:
                if pause > _FIRST_PAUSE_SECONDS:
                    _log.info("messages go on")
                pause = 0.0
                # Nothing to be waited for but a push, which wakes us.
                self._wake.wait(_LOOK_SECONDS if waits else _IDLE_SECONDS)

    def turn(self) -> bool:
        """Hand over what has a run, emit what is due; return whether messages wait.

        Raises:
            HTTPError: the API is away.
            StorageError: inbox or claims can't be used just now.
        """
        waiting = self.inbox.waiting(_MOST_UNCONFIRMED + len(self._reported))
        self._forget({message.id for message in waiting})
        asked = [message for message in waiting if message.emissions]
        if asked:
            self._confirmer.look(min(message.received for message in asked))
        else:
            self.client.hello()
        self.last_answer = time.monotonic()
        confirmed = {message.id for message in asked if self._confirm(message)}
        due = [each for each in waiting if each.id not in confirmed and self._is_due(each)]
        self._emit(due)
        return bool(waiting)

    def _forget(self, waiting: set[str]) -> None:
        self._emitted = {key: at for key, at in self._emitted.items() if key in waiting}
        self._reported &= waiting

    def _confirm(self, message: Message) -> bool:
        run_id = self._confirmer.take(message.digest)
        if run_id is None:
            return False
        self.inbox.handed_over(message.id, run_id)
        self._confirmed = (self._emitted.pop(message.id, 0.0), time.monotonic())
        return True

    def _is_due(self, message: Message) -> bool:
        if not message.emissions:
            return True
        # One that a process before this one emitted has its time, too.
        emitted = self._emitted.setdefault(message.id, time.monotonic())
        # Events are taken in order: as long as those before it get their runs, it only waits.
        before, seen = self._confirmed
        since = max(emitted, seen) if before <= emitted else emitted
        doubled: int = 2 ** min(message.emissions - 1, _MOST_DOUBLINGS)
        wait = min(_AGAIN_SECONDS * doubled, _LONGEST_AGAIN_SECONDS)
        return time.monotonic() - since > wait

    def _emit(self, due: Sequence[Message]) -> None:
        events = []
        size = 0
        for message in due:
            if size > _MOST_BYTES_AT_ONCE:
                break
            parameter = self.claims.parameter(message.id, message.digest, message.body)
            size += len(parameter)
            event = document_event(parameter)
            events.append(event)
            if message.emissions >= _REPORTED_AFTER and message.id not in self._reported:
                self._report(message)
            # Noted before, so that a kill in between delays the message and never doubles it.
            self.inbox.emitted(message.id, str(event.id))
            self._emitted[message.id] = time.monotonic()
            (metrics.AGAIN if message.emissions else metrics.EVENTS).inc()
        if events:
            self.client.request(
                "POST", "/events", json=[event.model_dump(mode="json") for event in events]
            )

    def _report(self, message: Message) -> None:
        self._reported.add(message.id)
        metrics.UNCONFIRMED.inc()
        self.report(
            f"the push of {message.received:%Y-%m-%d %H:%M:%S} UTC (message {message.id}) started "
            f"no flow run, though its event was emitted {message.emissions} times. "
            "It is tried again; see to the automation of the deployment in Prefect."
        )

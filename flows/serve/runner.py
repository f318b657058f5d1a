"""The process that runs flow runs of the pool, one after the other, in its warm self."""

from __future__ import annotations

import logging
import random
import signal
import time
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows import settings, steps
from flows.deploy.deployments import ALARM, FLOWS
from flows.errors import StorageError
from flows.gateway.inbox import Inbox
from flows.notebook import nursery
from flows.publish import publish
from flows.serve import orphans, tally
from flows.serve.bell import Bell
from flows.serve.heartbeat import Heartbeat
from flows.serve.memory import resident_mb
from flows.serve.names import POOL, runner_name
from flows.serve.runs import Pool, there_is_no_pool
from flows.serve.tell import tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from uuid import UUID

    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

    from flows.serve.child import Child
    from flows.settings import Settings

MOST_RUNS: Final = 500
MOST_MEMORY_MB: Final = 1500
# The API works some 30 ms for each question, so runners ask rarely where it rings a bell for them,
# and where it is another machine's, while nothing waits.
_BUSY_SECONDS: Final = 0.2
_IDLE_SECONDS: Final = 2
_RUNG_FOR_SECONDS: Final = 5
_LOOK_SECONDS: Final = 0.05
_BUSY_AFTER_SECONDS: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 15
_FLOWS: Final[Mapping[str, Flow[..., Any]]] = {flow.name: flow for flow in (*FLOWS, ALARM)}
_log = logging.getLogger(__name__)


class _Stop(BaseException):
    """SIGTERM: no error handling on the way may take it for one."""


def run(child: Child) -> None:
    """Run flow runs until SIGTERM, or until this process has become old or large.

    A run that SIGTERM meets ends its mails in flight, and is put back to go on another time.
    """
    signal.signal(signal.SIGTERM, _stop)
    options = settings.load()
    name = runner_name(options.home, child.name)
    with (
        suppress(_Stop),
        # At the end of a run Prefect waits for the thread of these, which sleeps for a second.
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        get_client(sync_client=True) as client,
        Heartbeat(POOL, name) as heartbeat,
    ):
        nursery.warm()
        runner = Runner(client, name, options, heartbeat, Bell(child.bell))
        child.ready()
        _import_the_rest()
        runner.run()


def _import_the_rest() -> None:
    """Import what would come with the first run."""
    steps.import_executor()
    import_module("fastapi.encoders")  # Prefect encodes a flow's parameters by it


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stop


class Runner:
    """Takes runs from the pool under its name, for as long as it is young and small."""

    def __init__(
        self,
        client: SyncPrefectClient,
        name: str,
        options: Settings,
        heartbeat: Heartbeat,
        bell: Bell,
    ) -> None:
        self._client = client
        self._pool = Pool(client, POOL)
        self._name = name
        self._options = options
        self._heartbeat = heartbeat
        self._bell = bell
        self._flow_names: dict[UUID, str] = {}
        self._inbox = Inbox(options.inbox_file)
        self._busy_until = 0.0
        self._done = 0
        # Who starts under this name, or lost the API, may have left a run in the middle.
        self._in_doubt = True

    def run(self) -> None:
        """Poll and run until this process is old or large; the API may be away for any time."""
        pause = 0.0
        while self._done < MOST_RUNS and resident_mb() < MOST_MEMORY_MB:
            try:
                worked = self._turn()
            except (httpx.HTTPError, ObjectNotFound, StorageError) as error:
                if not pause and not (
                    isinstance(error, httpx.HTTPError) and there_is_no_pool(error)
                ):
                    _log.warning("waits: %s", error or type(error).__name__)
                pause = min(2 * pause or 1, _LONGEST_PAUSE_SECONDS)
                time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 — so that runners spread
            else:
                pause = 0.0
                if not worked:
                    self._rest()

    def _turn(self) -> bool:
        """Run one run if there is any."""
        if self._in_doubt:
            for reason in orphans.of_runner(self._pool, self._name):
                tell(self._options, "a flow run was given up", reason)
            self._in_doubt = False
        for run in self._pool.scheduled():
            flow = _FLOWS.get(self._flow_name(run))
            if flow is None:
                self._pool.refuse(run, f"the pool {POOL} is for {', '.join(_FLOWS)}")
            elif self._pool.claim(run, self._name):
                if self._bell:
                    self._bell.wait(0)  # for this run, or for one that another runner has found
                self._run(flow, run)
                return True
        return False

    def _rest(self) -> None:
        """Wait for the bell; without one a little, and longer while no message waits."""
        if self._bell:
            self._bell.wait(_RUNG_FOR_SECONDS)
            return
        started = time.monotonic()
        while (now := time.monotonic()) - started < _IDLE_SECONDS:
            time.sleep(_LOOK_SECONDS)
            if self._inbox.counts()["waiting"]:
                self._busy_until = now + _BUSY_AFTER_SECONDS
            if now < self._busy_until and now - started > _BUSY_SECONDS:
                return

    def _flow_name(self, run: FlowRun) -> str:
        if run.flow_id not in self._flow_names:
            self._flow_names[run.flow_id] = self._client.read_flow(run.flow_id).name
        return self._flow_names[run.flow_id]

    def _run(self, flow: Flow[..., Any], run: FlowRun) -> None:
        self._done += 1
        self._in_doubt = True
        started = time.monotonic()
        try:
            state = cast("State[Any]", run_flow(flow, flow_run=run, return_type="state"))
            result = state.result(raise_on_failure=False)
        except (Abort, Pause) as ended:
            _log.info("flow run %s was stopped by the API: %s", run.name, ended)
        except _Stop:
            self._pool.put_back(run.id, f"{self._name} was asked to end")
            raise
        except Exception:  # noqa: BLE001 - of any kind: Prefect's client lets all sorts through
            # The API was away for longer than its client waits: what it knows decides.
            _log.exception("flow run %s was interrupted", run.name)
            return
        else:
            if state.is_failed() and self._heartbeat.missed_since(started):
                for reason in orphans.put_back(self._pool, run, "the Prefect API was away"):
                    tell(self._options, "a flow run was given up", reason)
            elif flow is publish:
                tally.note(run.parameters["event_msg"], result, self._options)
        self._in_doubt = False

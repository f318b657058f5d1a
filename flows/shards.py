"""More hands for a long send: flow runs of `deliver` on the work pool, all on one ledger.

Whoever publishes sends as well, and its ledger says when all is done. So where a shard never
starts, or dies, its mails are sent by the others, and where a pool has room for one run alone, that
one does all of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import httpx
from prefect import get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

# One name for all pools: deploying to another pool moves the flows there, so that a push never
# starts two runs.
DEPLOYMENT: Final = "gridletter"
_DELIVER: Final = f"deliver/{DEPLOYMENT}"
_AWAY: Final = (httpx.HTTPError, PrefectException)


def holder(flow_run: UUID | str) -> str:
    """Return the name under which a shard claims mails in the ledger."""
    return f"deliver {flow_run}"


class Shards:
    """The flow runs that help with one send; none where there is no deployment to start them by."""

    def __init__(self, runs: list[FlowRun]) -> None:
        self._open = {run.id: run for run in runs}

    @property
    def count(self) -> int:
        """How many of them may still be sending."""
        return len(self._open)

    def lost(self) -> list[str]:
        """Return who ended since the last look without finishing, by the names in the ledger."""
        if not self._open:
            return []
        lost: list[str] = []
        for run in _read(list(self._open)):
            if run.state is not None and run.state.is_final():
                del self._open[run.id]
                if not run.state.is_completed():
                    why = f"{run.state.name}: {run.state.message}"
                    get_run_logger().warning("the shard %s is lost (%s)", run.name, why)
                    lost.append(holder(run.id))
            else:
                self._open[run.id] = run
        return lost

    def dismiss(self) -> None:
        """Call off those that have not begun: nothing is left for them."""
        self.lost()
        waiting = [
            run.id
            for run in self._open.values()
            if run.state is None or run.state.is_scheduled() or run.state.is_pending()
        ]
        if not waiting:
            return
        state: State[None] = Cancelled(message="The mails were sent before it began.")
        with _api("shards that are not needed could not be called off") as api:
            for run in waiting:
                api.set_flow_run_state(run, state)


def start(path: str, count: int) -> Shards:
    """Start `count` flow runs that send mails of the issue at `path`, beside the one that asks.

    Asked again by the same flow run, as its task is tried again, it starts no others.

    Returns:
        The shards; none outside of a flow run, where nothing is deployed or the API is away.
    """
    flow_run = cast("str | None", runtime.flow_run.id)
    if flow_run is None or count < 1:
        return Shards([])
    runs: list[FlowRun] = []
    with _api("the send is not shared") as api:
        try:
            deployment = api.read_deployment_by_name(_DELIVER)
        except ObjectNotFound:
            return Shards([])
        from prefect.deployments import run_deployment  # noqa: PLC0415 — slow, and seldom needed

        asked = f"{flow_run} {runtime.flow_run.run_count} {path}"
        for number in range(1, count + 1):
            run = run_deployment(
                deployment.id,
                parameters={"path": path, "runs": 1 + count},
                flow_run_name=f"{path.rpartition('/')[2]} {number} of {count}",
                idempotency_key=f"{asked} {number}",
                timeout=0,
            )
            runs.append(cast("FlowRun", run))
        get_run_logger().info("the send is shared with %d flow runs of %s", count, _DELIVER)
    return Shards(runs)


def _read(runs: list[UUID]) -> list[FlowRun]:
    from prefect.client.schemas.filters import (  # noqa: PLC0415 — seldom needed
        FlowRunFilter,
        FlowRunFilterId,
    )

    found: list[FlowRun] = []
    with _api("what became of the shards is not known just now") as api:
        found += api.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=runs)))
    return found


@contextmanager
def _api(without_it: str) -> Iterator[SyncPrefectClient]:
    """Give the API; say what is so without it. Shards are a help, and no send fails for them."""
    try:
        with get_client(sync_client=True) as api:
            yield api
    except _AWAY as error:
        reason = str(error) or type(error).__name__
        get_run_logger().warning("%s: %s", without_it, reason)

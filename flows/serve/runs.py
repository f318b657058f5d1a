"""Flow runs of the work pool, as its resident runners see them: to claim, to put back, to find.

Two runners never have the same run: each proposes `Pending` with its own name as the message, and
the API refuses a second `Pending`. The name stands in the run for as long as it is unfinished, in
the state first and in `infrastructure_pid` from then on, so that whoever finds the run later knows
whose it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.responses import SetStateStatus, WorkerFlowRunResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import AwaitingRetry, Crashed, Failed, Pending

from flows.serve.names import RUNNER_PREFIX

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State, StateType

HEARTBEAT_SECONDS: Final = 10
# A burst of runs with large parameters must not come all at once.
_MOST_AT_ONCE: Final = 4
_MOST_UNFINISHED: Final = 50


@dataclass(frozen=True)
class Pool:
    """A work pool; every method raises httpx's errors, or Prefect's, where the API is away."""

    client: SyncPrefectClient
    name: str

    def heartbeat(self, runner: str) -> None:
        """Show that the runner lives: a pool with such a one is ready."""
        self.client.send_worker_heartbeat(self.name, runner, HEARTBEAT_SECONDS)

    def scheduled(self) -> list[FlowRun]:
        """Return some runs that are due, the longest due first."""
        response = self.client.request(
            "POST",
            "/work_pools/{name}/get_scheduled_flow_runs",
            path_params={"name": self.name},
            json={"scheduled_before": datetime.now(UTC).isoformat(), "limit": _MOST_AT_ONCE},
        )
        return [
            each.flow_run for each in WorkerFlowRunResponse.model_validate_list(response.json())
        ]

    def claim(self, run: FlowRun, runner: str) -> bool:
        """Take the run for `runner`; return False where another one has it."""
        if not self._propose(run.id, Pending(message=runner)):
            return False
        self.client.update_flow_run(run.id, infrastructure_pid=runner)
        return True

    def put_back(self, run_id: UUID, reason: str) -> None:
        """Have the run run again, whatever its state."""
        again: State[Any] = AwaitingRetry(scheduled_time=datetime.now(UTC), message=reason)
        self.client.set_flow_run_state(run_id, again, force=True)

    def give_up(self, run_id: UUID, reason: str) -> None:
        """Have the run end as crashed, for good."""
        self.client.set_flow_run_state(run_id, Crashed(message=reason), force=True)

    def refuse(self, run: FlowRun, reason: str) -> None:
        """Have a run end as failed that no runner here can run."""
        self.client.set_flow_run_state(run.id, Failed(message=reason), force=True)

    def state(self, run_id: UUID) -> State[Any]:
        """Return the run's state as the API knows it."""
        state = self.client.read_flow_run(run_id).state
        return Pending() if state is None else state

    def start(self, deployment: str) -> None:
        """Start a run of the deployment, named as `flow/deployment`."""
        found = self.client.read_deployment_by_name(deployment)
        self.client.create_flow_run_from_deployment(found.id)

    def unfinished(self, *types: StateType) -> list[FlowRun]:
        """Return the runs in such states, oldest first; at most some."""
        return self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.name])),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=_MOST_UNFINISHED,
        )

    def last_started(self) -> datetime | None:
        """Return when the last run began, UTC."""
        runs = self.client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.name])),
            flow_run_filter=FlowRunFilter.model_validate({"start_time": {"is_null_": False}}),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
        return runs[0].start_time if runs else None

    def living(self) -> set[str]:
        """Return the names of the runners and workers that showed that they live."""
        workers = self.client.read_workers_for_work_pool(self.name)
        return {worker.name for worker in workers if worker.status == "ONLINE"}

    def _propose(self, run_id: UUID, state: State[Any]) -> bool:
        answer = self.client.set_flow_run_state(run_id, state)
        return answer.status == SetStateStatus.ACCEPT


def there_is_no_pool(error: httpx.HTTPError) -> bool:
    """Return whether the API answered that it has no such pool: it is not deployed yet."""
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    return error.response.status_code == httpx.codes.NOT_FOUND


def owner(run: FlowRun) -> str | None:
    """Return the name of the resident runner that has the unfinished run; None for all others."""
    state = run.state
    claimed = state is not None and state.is_pending()
    name = state.message if state is not None and claimed else run.infrastructure_pid
    return name if name is not None and name.startswith(RUNNER_PREFIX) else None


def age_seconds(run: FlowRun) -> float:
    """Return for how long the run has been in its state."""
    since = run.state.timestamp if run.state is not None else run.created
    return 0 if since is None else (datetime.now(UTC) - since).total_seconds()

"""The deployments: each flow by its place in the package, which image and venv have installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from prefect.client.schemas.actions import DeploymentUpdate
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema

from flows.backfill import backfill_event
from flows.deliver import deliver
from flows.deploy.alarm import alarm
from flows.deploy.expect import expect
from flows.deploy.plan import differences
from flows.publish import publish
from flows.resume import resume
from flows.shards import DEPLOYMENT
from flows.unsubscribe import unsubscribe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient

    from flows.deploy.plan import Plan

# Without a step, Prefect copies the container's working directory at the start of each run.
_IN_PLACE: Final = [{"prefect.deployments.steps.set_working_directory": {"directory": "."}}]
EXPECT: Final[Flow[..., Any]] = expect
FLOWS: Final[tuple[Flow[..., Any], ...]] = (
    publish,
    deliver,
    unsubscribe,
    resume,
    backfill_event,
    EXPECT,
)
ALARM: Final[Flow[..., Any]] = alarm


def ensure(
    client: SyncPrefectClient,
    plan: Plan,
    flow: Flow[..., Any],
    *,
    pool: str,
    job_variables: Mapping[str, Any],
) -> UUID | None:
    """Create or update the deployment of the flow; schedules that others added stay.

    Returns:
        Its id; None where a dry run would have created it.
    """
    wanted: dict[str, Any] = {
        "description": (flow.fn.__doc__ or "").partition("\n")[0],
        "work_pool_name": pool,
        "entrypoint": f"{flow.fn.__module__}.{flow.fn.__name__}",
        "job_variables": dict(job_variables),
        "parameter_openapi_schema": parameter_schema(flow.fn).model_dump(mode="json"),
        "enforce_parameter_schema": True,
        "pull_steps": _IN_PLACE,
    }
    name = f"{flow.name}/{DEPLOYMENT}"
    try:
        standing = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return plan.settle(
            "deployment",
            name,
            None,
            lambda: client.create_deployment(
                client.create_flow_from_name(flow.name), DEPLOYMENT, **wanted
            ),
        )
    stands = standing.model_dump(mode="json", include=set(wanted))
    plan.settle(
        "deployment",
        name,
        differences(cast("Any", stands), wanted),
        lambda: client.update_deployment(standing.id, DeploymentUpdate.model_validate(wanted)),
    )
    return standing.id

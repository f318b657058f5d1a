"""Schedules: when to look whether what is expected has come."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

    from flows.deploy.expected import Expected
    from flows.deploy.plan import Plan

# Others may have schedules there, too.
_PREFIX: Final = "gridletter: "


def ensure(
    client: SyncPrefectClient, plan: Plan, deployment: UUID, wanted: Sequence[Expected]
) -> None:
    """Have one schedule for each expectation, and none of ours for anything else.

    One that is switched off stays off.

    Args:
        client: Asks the Prefect API.
        plan: What is done, or would be.
        deployment: That of the flow `expect`.
        wanted: What is expected.
    """
    standing = _standing(client, deployment)
    names = {str(expected): expected for expected in wanted}
    for name, expected in names.items():
        create = partial(client.create_deployment_schedules, deployment, [_schedule(expected)])
        plan.settle("schedule", f"expect/{name}", [] if name in standing else None, create)
    for name, schedule in standing.items():
        if name not in names:
            delete = partial(client.delete_deployment_schedule, deployment, schedule)
            plan.remove("schedule", f"expect/{name}", delete)


def _standing(client: SyncPrefectClient, deployment: UUID) -> dict[str, UUID]:
    """Return the schedules that are ours, by what they expect."""
    try:
        found = client.read_deployment_schedules(deployment)
    except ObjectNotFound:  # a dry run would have created the deployment
        return {}
    return {
        each.slug.removeprefix(_PREFIX): each.id
        for each in found
        if each.slug is not None and each.slug.startswith(_PREFIX)
    }


def _schedule(expected: Expected) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(
        slug=f"{_PREFIX}{expected}",
        schedule=CronSchedule(cron=expected.cron, timezone=expected.tz),
        parameters={"expected": str(expected)},
    )

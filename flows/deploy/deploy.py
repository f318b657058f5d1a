"""Deploy: the work pool, then what runs in it, then what starts that."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.base import ServerType
from prefect.client.orchestration import get_client

from flows.deploy import automations, blocks, deployments, pool, schedules, webhooks
from flows.deploy.environment import environment, secret_arns
from flows.deploy.plan import Plan
from flows.deploy.template import base_job_template
from flows.deploy.variables import check, job_variables
from flows.deploy.wanted import PoolType
from flows.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.client.orchestration import SyncPrefectClient

    from flows.deploy.wanted import Change, Wanted
    from flows.settings import Settings

# Stands for a thing that a dry run would have created.
_NOT_YET = UUID(int=0)


def deploy(wanted: Wanted, options: Settings, *, dry_run: bool = False) -> list[Change]:
    """Create or update what is wanted, on the Prefect API that is set; return what became of each.

    A second time it changes nothing. What others made stays as it is.

    Args:
        wanted: The work pool and all that belongs to it.
        options: What the flow's containers are told, and what becomes blocks.
        dry_run: Say what would be done, and do nothing.

    Raises:
        SettingsError: something is missing or wrong; then nothing was created.
        StorageError: the API does not tell how such a pool starts a run.
        httpx.HTTPError: the API is away.
    """
    plan = Plan(dry_run)
    with get_client(sync_client=True) as client:
        on_cloud = client.server_type is ServerType.CLOUD
        if wanted.type is PoolType.ECS_PUSH and not on_cloud:
            raise SettingsError(
                f"a work pool of type {wanted.type} is a service of Prefect Cloud alone",
                remedy="Log in with `prefect cloud login`, or take --type ecs and run a worker.",
                setting="--type",
            )
        variables = job_variables(wanted, environment(wanted, options))
        check(variables, base_job_template(wanted.type, secret_arns(wanted)), wanted.type)
        standing = pool.find(client, wanted)
        credentials = blocks.ensure_push_identity(client, plan, wanted)
        if wanted.blocks:
            blocks.ensure(client, plan, options)
        template = base_job_template(wanted.type, secret_arns(wanted), credentials)
        pool.ensure(client, plan, wanted, standing, template)
        _ensure_flows(client, plan, wanted, variables)
    if on_cloud:
        webhooks.ensure(plan)
    return plan.changes


def _ensure_flows(
    client: SyncPrefectClient, plan: Plan, wanted: Wanted, variables: Mapping[str, object]
) -> None:
    flows = [*deployments.FLOWS, *([deployments.ALARM] if wanted.alarms else [])]
    made = {
        flow.name: deployments.ensure(client, plan, flow, pool=wanted.pool, job_variables=variables)
        for flow in flows
    }
    ids = {name: found or _NOT_YET for name, found in made.items()}
    schedules.ensure(client, plan, ids[deployments.EXPECT.name], wanted.expected)
    publishing, unsubscribing = automations.triggers(ids)
    publishes = automations.ensure(client, plan, publishing)
    automations.ensure(client, plan, unsubscribing)
    if wanted.alarms:
        for alarm in automations.alarms(wanted, ids, publishes or _NOT_YET):
            automations.ensure(client, plan, alarm)

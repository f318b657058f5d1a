"""The work pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from flows.deploy.plan import differences
from flows.errors import SettingsError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import WorkPool

    from flows.deploy.plan import Plan
    from flows.deploy.wanted import Wanted


def find(client: SyncPrefectClient, wanted: Wanted) -> WorkPool | None:
    """Return the pool of that name, if it stands.

    Raises:
        SettingsError: it is of another type, which nothing can change.
    """
    try:
        pool = client.read_work_pool(wanted.pool)
    except ObjectNotFound:
        return None
    if pool.type != wanted.type:
        raise SettingsError(
            f"the work pool {wanted.pool} is of type {pool.type}, not {wanted.type}",
            remedy="Choose another name with --pool, or delete that pool first.",
            setting="--type",
        )
    return pool


def ensure(
    client: SyncPrefectClient,
    plan: Plan,
    wanted: Wanted,
    standing: WorkPool | None,
    template: dict[str, Any],
) -> None:
    """Create or update the pool; whether it is paused stays as it is."""
    fields: dict[str, Any] = {"base_job_template": template}
    if wanted.concurrency is not None:
        fields["concurrency_limit"] = wanted.concurrency
    if standing is None:
        pool = WorkPoolCreate(name=wanted.pool, type=wanted.type.value, **fields)
        plan.settle("work pool", wanted.pool, None, lambda: client.create_work_pool(pool))
        return
    stands = standing.model_dump(mode="json", include=set(fields))
    plan.settle(
        "work pool",
        wanted.pool,
        differences(stands, fields),
        lambda: client.update_work_pool(wanted.pool, WorkPoolUpdate(**fields)),
    )

"""What a deployment is asked for, and what became of each thing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from flows.deploy.expected import Expected
    from flows.deploy.outputs import StackOutputs


Kind: TypeAlias = Literal["work pool", "deployment", "schedule", "automation", "webhook", "block"]


class PoolType(StrEnum):
    """Where flow runs run; the names are Prefect's."""

    PROCESS = "process"
    DOCKER = "docker"
    ECS = "ecs"
    ECS_PUSH = "ecs:push"

    @property
    def on_ecs(self) -> bool:
        """Whether each flow run is an ECS task."""
        return self in {PoolType.ECS, PoolType.ECS_PUSH}


@dataclass(frozen=True)
class Wanted:
    """A work pool with all that belongs to it.

    With the pool and its type alone: deployments of the flows, and the triggers that start them.

    Args:
        pool: The work pool's name.
        type: Its type.
        concurrency: Flow runs of it at once; None for any number.
        image: The container's image, where the type has one.
        outputs: What the stack of `infra/` tells.
        job_variables: What the operator sets beside; these come last.
        alarms: Whether operators hear of runs that hang, crash or never started.
        pending: For how long a run may be pending before they do.
        expected: Documents that come each day by some time, or operators hear of it.
        blocks: Whether credentials in the settings become blocks, where those are missing.
    """

    pool: str
    type: PoolType
    concurrency: int | None = None
    image: str | None = None
    outputs: StackOutputs | None = None
    job_variables: Mapping[str, JsonValue] = field(default_factory=dict)
    alarms: bool = False
    pending: timedelta = timedelta(minutes=10)
    expected: tuple[Expected, ...] = ()
    blocks: bool = False


@dataclass(frozen=True)
class Change:
    """What was done (or would be) about one thing; `differences` are the paths that differed."""

    kind: Kind
    name: str
    action: Literal["created", "updated", "unchanged", "removed"]
    differences: tuple[str, ...] = ()
    note: str | None = None

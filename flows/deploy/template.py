"""How a work pool of a type starts a flow run: its worker's own base job template, and secrets.

What differs from that template is what no job variable can say. On ECS the flow's secrets stand in
the task definition by their ARNs in Secrets Manager: ECS hands their values to the container, and
neither Prefect nor a task's description ever shows one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from flows.deploy.wanted import PoolType
from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

# A container without a limit of its own may be started by Fargate, but by no other launch type.
_LIMITS: Final = {"cpu": "{{ cpu }}", "memory": "{{ memory }}"}
# Said here instead of there, the worker need not ask EC2 before each run, which it may not, too.
_NETWORK: Final = {"awsvpcConfiguration": "{{ network_configuration }}"}


def base_job_template(
    kind: PoolType, secret_arns: Mapping[str, str], credentials: UUID | None = None
) -> dict[str, Any]:
    """Return the template for a pool of the type.

    Args:
        kind: The pool's type. Prefect Cloud's ECS push takes the variables of the ECS worker.
        secret_arns: On ECS, the secrets of the container by the names of its variables.
        credentials: The block with which Prefect Cloud enters AWS.

    Raises:
        StorageError: the API does not tell the template.
    """
    template = asyncio.run(get_default_base_job_template_for_infrastructure_type(kind.value))
    if template is None and kind is PoolType.ECS_PUSH:
        ecs = PoolType.ECS.value
        template = asyncio.run(get_default_base_job_template_for_infrastructure_type(ecs))
    if template is None:
        raise StorageError(
            f"the Prefect API does not tell how a work pool of type {kind} starts a run",
            remedy="Try again when it can reach Prefect's collection registry.",
            path=kind.value,
        )
    if kind.on_ecs:
        _add_to_container(template, secret_arns)
        configuration = template["job_configuration"]
        del configuration["network_configuration"]
        configuration["task_run_request"]["networkConfiguration"] = dict(_NETWORK)
    if credentials is not None:
        reference = {"$ref": {"block_document_id": str(credentials)}}
        template["variables"]["properties"]["aws_credentials"]["default"] = reference
    return template


def _add_to_container(template: dict[str, Any], secret_arns: Mapping[str, str]) -> None:
    container = template["job_configuration"]["task_definition"]["containerDefinitions"][0]
    container.update(_LIMITS)
    if secret_arns:
        container["secrets"] = [
            {"name": name, "valueFrom": arn} for name, arn in sorted(secret_arns.items())
        ]

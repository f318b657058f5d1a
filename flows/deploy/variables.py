"""Job variables: from the stack's outputs and the settings, and checked before anything is made."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from prefect.utilities.schema_tools.validation import validate

from flows.deploy.wanted import PoolType
from flows.errors import SettingsError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.deploy.outputs import StackOutputs
    from flows.deploy.wanted import Wanted

# One processor and enough memory for two notebooks side by side, a size that Fargate has.
_CPU: Final = 1024
_MEMORY_MB: Final = 4096
# What a pool can't do without, and the output that tells it.
_REQUIRED: Final[Mapping[PoolType, Mapping[str, str]]] = {
    PoolType.PROCESS: {},
    PoolType.DOCKER: {"image": "--image"},
    PoolType.ECS: {
        "image": "--image",
        "cluster": "the output cluster_arn",
        "execution_role_arn": "the output of that name",
        "task_role_arn": "the output of that name",
        "network_configuration": "the outputs subnet_ids and security_group_id",
    },
}
# The template takes anything here, and AWS would refuse it only when a flow run starts.
_NETWORK: Final = {
    "type": "object",
    "properties": {
        "subnets": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "securityGroups": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "assignPublicIp": {"enum": ["ENABLED", "DISABLED"]},
    },
    "required": ["subnets", "securityGroups"],
    "additionalProperties": False,
}


def job_variables(wanted: Wanted, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the job variables of the pool's deployments.

    The operator's come last, those of the environment one by one.

    Args:
        wanted: Image, outputs and the operator's own variables.
        environment: What the flow's container is told.
    """
    variables: dict[str, Any] = {}
    if wanted.type is not PoolType.PROCESS:
        variables["image"] = wanted.image
    if wanted.type.on_ecs:
        variables |= {"cpu": _CPU, "memory": _MEMORY_MB, "match_latest_revision_in_family": True}
    if wanted.type.on_ecs and wanted.outputs is not None:
        variables |= _on_ecs(wanted.outputs)
    variables = {name: value for name, value in variables.items() if value is not None}
    variables |= wanted.job_variables
    own = wanted.job_variables.get("env")
    if environment or own:
        variables["env"] = {**environment, **own} if isinstance(own, dict) else own or environment
    return variables


def check(variables: Mapping[str, Any], template: Mapping[str, Any], kind: PoolType) -> None:
    """Check job variables against the template of the pool, and for what the pool needs.

    Raises:
        SettingsError: some are missing, unknown or malformed; names each.
    """
    required = _REQUIRED[PoolType.ECS if kind.on_ecs else kind]
    schema = deepcopy(template["variables"])
    schema["required"] = list(required)
    schema["additionalProperties"] = False
    if kind.on_ecs:
        schema["properties"]["network_configuration"] = _NETWORK
    errors = validate(dict(variables), schema)
    problems = sorted({_problem(error, required) for error in errors})
    if problems:
        raise SettingsError(
            f"the job variables don't fit a work pool of type {kind}: {'; '.join(problems)}",
            remedy="Give what is missing, set others with --job-variable NAME=VALUE. "
            "Nothing was created.",
            setting="--job-variable",
        )


def _problem(error: Any, required: Mapping[str, str]) -> str:  # noqa: ANN401 — jsonschema has no types
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "required" and not where:
        name = error.message.split("'")[1]
        return f"{name} is missing (give {required[name]})"
    if error.validator == "additionalProperties" and not where:
        return f"the template has no such variable: {one_line(error.message)}"
    # Where there are several ways to be right, the others are about blocks and null.
    said = error.context[0] if error.context else error
    return f"{where}: {one_line(said.message, 200)}"


def _on_ecs(outputs: StackOutputs) -> dict[str, Any]:
    network = {
        "subnets": outputs.subnet_ids,
        "securityGroups": outputs.security_group_id and [outputs.security_group_id],
        # Without a NAT gateway, which costs more than all else, it is the only way to the internet.
        "assignPublicIp": "ENABLED",
    }
    variables: dict[str, Any] = {
        "cluster": outputs.cluster_arn,
        "execution_role_arn": outputs.execution_role_arn,
        "task_role_arn": outputs.task_role_arn,
        "network_configuration": network if all(network.values()) else None,
        # A name that the push identity may define tasks under.
        "family": outputs.cluster_arn and outputs.cluster_arn.rpartition("/")[2],
    }
    if outputs.log_group is not None and outputs.region is not None:
        variables["configure_cloudwatch_logs"] = True
        variables["cloudwatch_logs_options"] = {
            "awslogs-create-group": "false",
            "awslogs-group": outputs.log_group,
            "awslogs-region": outputs.region,
            "awslogs-stream-prefix": "flow",
        }
    return variables

"""What the stack of `infra/` tells: `pulumi stack output --json`, read and checked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from flows.errors import SettingsError, one_line

OPTION = "--stack-outputs"


class StackOutputs(BaseModel):
    """The outputs by their names; what a stack does not have is None.

    `secret_arns` maps a variable's name to the secret in Secrets Manager that holds its value.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    region: str | None = None
    cluster_arn: str | None = None
    subnet_ids: Annotated[list[str], Field(min_length=1)] | None = None
    security_group_id: str | None = None
    execution_role_arn: str | None = None
    task_role_arn: str | None = None
    log_group: str | None = None
    archive: str | None = None
    archive_url: str | None = None
    claims: str | None = None
    ledger: str | None = None
    unsubscribe_url: str | None = None
    secret_arns: dict[str, str] = Field(default_factory=dict)
    push_access_key_id: str | None = None
    push_secret_access_key: SecretStr | None = None


def read(source: str) -> StackOutputs:
    """Return the outputs in a file; `-` reads them from stdin, so that no secret is on a disk.

    Raises:
        SettingsError: there is no such file, or it does not hold a stack's outputs.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
        return StackOutputs.model_validate(json.loads(text))
    except OSError as error:
        raise _unusable(f"{source} can't be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "they"
        raise _unusable(f"{where}: {one_line(first['msg'])}") from None
    except ValueError as error:
        raise _unusable(f"{source} is no JSON: {error}") from None


def _unusable(what: str) -> SettingsError:
    return SettingsError(
        f"the stack's outputs can't be used: {what}",
        remedy="Write them anew: pulumi stack output --json --show-secrets > outputs.json",
        setting=OPTION,
    )

"""What a flow's container is told: settings by their variables, secrets by reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from flows.deploy.wanted import PoolType
from flows.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.deploy.wanted import Wanted
    from flows.settings import Settings

EMAIL_BLOCK: Final = "gridletter"
UNSUBSCRIBE_KEYS_BLOCK: Final = "gridletter-unsubscribe-keys"
_SMTP_URL: Final = f"{PREFIX}SMTP_URL"
_KEYS: Final = f"{PREFIX}UNSUBSCRIBE_KEYS"
# Folders of this machine, and what only a gateway reads.
_OURS: Final = {"home", "notebooks", "webhook_answer", "webhook_largest_mb"}


def environment(wanted: Wanted, options: Settings) -> dict[str, str]:
    """Return the variables of the container; none for processes, which have their worker's.

    A setting of this machine goes with them unless it is a secret or names a folder. The stack's
    outputs come last. No secret is among them: a mail server's login is in a block that is named
    here, unsubscribe keys are in a block that the worker reads as it starts the run, and on ECS
    both may be in Secrets Manager, by the pool's template.
    """
    if wanted.type is PoolType.PROCESS:
        return {}
    told: dict[str, str] = {}
    for name in sorted(options.model_fields_set - _OURS):
        value = getattr(options, name)
        if value is not None and not isinstance(value, SecretStr) and not _is_here(name, value):
            told[f"{PREFIX}{name.upper()}"] = str(value)
    arns = secret_arns(wanted)
    if options.email_block is None and options.smtp_url is not None and _SMTP_URL not in arns:
        told[f"{PREFIX}EMAIL_BLOCK"] = EMAIL_BLOCK
    if options.unsubscribe_keys is not None and _KEYS not in arns:
        told[_KEYS] = f"{{{{ prefect.blocks.secret.{UNSUBSCRIBE_KEYS_BLOCK} }}}}"
    return told | _of_stack(wanted)


def secret_arns(wanted: Wanted) -> Mapping[str, str]:
    """Return the secrets that ECS hands to the container, by the variables' names."""
    if wanted.outputs is None or not wanted.type.on_ecs:
        return {}
    return wanted.outputs.secret_arns


def _is_here(name: str, value: object) -> bool:
    if isinstance(value, Path):
        return True
    text = str(value)
    if text.startswith(("sqlite:", "file:")):
        return True
    return name in {"archive", "claims"} and "://" not in text


def _of_stack(wanted: Wanted) -> dict[str, str]:
    outputs = wanted.outputs
    if outputs is None:
        return {}
    told = {
        "AWS_DEFAULT_REGION": outputs.region,
        f"{PREFIX}ARCHIVE": outputs.archive,
        f"{PREFIX}CLAIMS": outputs.claims,
        f"{PREFIX}LEDGER": outputs.ledger,
        f"{PREFIX}PUBLIC_URL": outputs.archive_url,
        f"{PREFIX}UNSUBSCRIBE_URL": outputs.unsubscribe_url,
    }
    return {name: value for name, value in told.items() if value is not None}

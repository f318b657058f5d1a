"""Blocks: credentials that the settings have and Prefect lacks; what stands is never touched."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from prefect.blocks.system import Secret
from prefect.exceptions import ObjectNotFound
from prefect_aws import AwsClientParameters, AwsCredentials
from prefect_email import EmailServerCredentials, SMTPType
from pydantic import SecretStr

from flows.delivery.smtp import Security, parse_smtp_url
from flows.deploy.environment import EMAIL_BLOCK, UNSUBSCRIBE_KEYS_BLOCK
from flows.deploy.outputs import StackOutputs
from flows.deploy.wanted import PoolType
from flows.errors import SettingsError
from flows.steps import CAPACITY_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.blocks.core import Block
    from prefect.client.orchestration import SyncPrefectClient

    from flows.deploy.plan import Plan
    from flows.deploy.wanted import Wanted
    from flows.settings import Settings

PUSH_BLOCK: Final = "gridletter-push"
_MASKED: Final = "[secret]"
_SMTP_TYPES: Final = {
    Security.STARTTLS: SMTPType.STARTTLS,
    Security.SSL: SMTPType.SSL,
    Security.NONE: SMTPType.INSECURE,
}


def ensure(client: SyncPrefectClient, plan: Plan, options: Settings) -> None:
    """Create the blocks that are missing, from the settings that hold their values.

    Raises:
        SettingsError: the mail server's address is malformed.
    """
    if options.smtp_url is not None:
        url = options.smtp_url.get_secret_value()
        _ensure(client, plan, options.email_block or EMAIL_BLOCK, lambda: _mail_server(url))
    secrets = {
        CAPACITY_SECRET: options.entsoe_api_key,
        UNSUBSCRIBE_KEYS_BLOCK: options.unsubscribe_keys,
    }
    for name, secret in secrets.items():
        if secret is not None:
            _ensure(client, plan, name, partial(Secret[str], value=secret))


def ensure_push_identity(client: SyncPrefectClient, plan: Plan, wanted: Wanted) -> UUID | None:
    """Return the block by which Prefect Cloud starts tasks, made from the stack's outputs.

    Returns:
        Its id; None where the pool needs none, or where a dry run would have created it.

    Raises:
        SettingsError: there is no such block, and the outputs have no key for one.
    """
    if wanted.type is not PoolType.ECS_PUSH:
        return None
    outputs = wanted.outputs or StackOutputs()
    key = outputs.push_secret_access_key
    standing = _id(client, PUSH_BLOCK, AwsCredentials)
    if standing is None and (key is None or key.get_secret_value() == _MASKED):
        raise SettingsError(
            "the stack's outputs have no key by which Prefect Cloud could start tasks",
            remedy="Write them with: pulumi stack output --json --show-secrets",
            setting="--stack-outputs",
        )
    return _ensure(
        client,
        plan,
        PUSH_BLOCK,
        lambda: AwsCredentials(
            aws_access_key_id=outputs.push_access_key_id,
            aws_secret_access_key=key,
            region_name=outputs.region,
            # Prefect checks a pool's block against a schema that its own default does not fit.
            aws_client_parameters=AwsClientParameters(verify=True),
        ),
    )


def _ensure(
    client: SyncPrefectClient, plan: Plan, name: str, make: Callable[[], Block]
) -> UUID | None:
    block = make()
    standing = _id(client, name, type(block))
    label = f"{type(block).get_block_type_slug()}/{name}"
    if standing is not None:
        plan.settle("block", label, [], lambda: None, "as it stands, whatever it holds")
        return standing
    return plan.settle("block", label, None, lambda: cast("UUID", block.save(name)))


def _id(client: SyncPrefectClient, name: str, kind: type[Block]) -> UUID | None:
    try:
        return client.read_block_document_by_name(name, kind.get_block_type_slug()).id
    except ObjectNotFound:
        return None


def _mail_server(url: str) -> Any:  # noqa: ANN401 — prefect-email has no types
    server = parse_smtp_url(url)
    return EmailServerCredentials(
        username=server.user,
        password=SecretStr(server.password),
        smtp_server=server.host,
        smtp_type=_SMTP_TYPES[server.security],
        smtp_port=server.port,
        verify=server.verify,
    )

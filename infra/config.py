"""What a stack can set (`pulumi config set NAME VALUE`): typed, with defaults, checked at once."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Self
from urllib.parse import urlsplit

import pulumi
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

_LARGEST_PREFIX = 16
_SMALLEST_PREFIX = 24


class StackConfig(BaseModel):
    """A stack's settings; each field is a key of the namespace `gridletter`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vpc_cidr: Annotated[str, Field(description="The network, of which each subnet is a part.")] = (
        "10.42.0.0/20"
    )
    log_retention_days: Annotated[
        int, Field(description="How long the flow's logs are kept, in days CloudWatch offers.")
    ] = 30
    kept_images: Annotated[int, Field(ge=1, le=100, description="Images kept in the registry.")] = 5
    let_data_go: Annotated[
        bool,
        Field(description="Give up archive, ledger and secrets, so that `pulumi destroy` can."),
    ] = False
    mail_domain: Annotated[
        str | None,
        Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$", description="Domain to send from by SES."),
    ] = None
    unsubscribe_webhook: Annotated[
        str | None,
        Field(description="Address of the Prefect Cloud webhook that takes unsubscribe clicks."),
    ] = None
    github_repository: Annotated[
        str | None,
        Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name whose workflows may deploy."),
    ] = None
    github_provider_arn: Annotated[
        str | None,
        Field(description="The account's OIDC provider for GitHub, where it has one already."),
    ] = None
    monthly_budget_usd: Annotated[
        int, Field(ge=1, description="Cost a month from which the operators hear of it.")
    ] = 20
    operators: Annotated[
        str | None, Field(pattern=r"^[^@\s]+@[^@\s]+$", description="Address that hears of costs.")
    ] = None

    @field_validator("vpc_cidr")
    @classmethod
    def _has_room_for_subnets(cls, cidr: str) -> str:
        network = IPv4Network(cidr)
        if not network.is_private or not _LARGEST_PREFIX <= network.prefixlen <= _SMALLEST_PREFIX:
            message = (
                f"must be a private network between /{_LARGEST_PREFIX} and /{_SMALLEST_PREFIX}"
            )
            raise ValueError(message)
        return cidr

    @field_validator("log_retention_days")
    @classmethod
    def _is_offered(cls, days: int) -> int:
        offered = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731)
        if days not in offered:
            message = f"must be one of {', '.join(map(str, offered))}"
            raise ValueError(message)
        return days

    @field_validator("unsubscribe_webhook")
    @classmethod
    def _is_https(cls, url: str | None) -> str | None:
        if url is not None and (
            urlsplit(url).scheme != "https" or not urlsplit(url).path.strip("/")
        ):
            message = "must be the https address of a webhook"
            raise ValueError(message)
        return url

    @model_validator(mode="after")
    def _provider_has_a_repository(self) -> Self:
        if self.github_provider_arn is not None and self.github_repository is None:
            message = "github_provider_arn is of no use without github_repository"
            raise ValueError(message)
        return self


def load() -> StackConfig:
    """Return the stack's settings.

    Raises:
        pulumi.RunError: a value can't be used; the message says which, and why.
    """
    config = pulumi.Config()
    values = {name: config.get(name) for name in StackConfig.model_fields}
    try:
        return StackConfig.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "the stack's settings"
        raise pulumi.RunError(
            f"{name} can't be used: {first['msg']}. Correct it with `pulumi config set`."
        ) from None

"""Every setting once: environment variables `GRIDLETTER_…`, typed, checked at start."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows.errors import SettingsError, one_line

PREFIX = "GRIDLETTER_"
REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What an operator can set; the README's table is held against this class by a test."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Folder that holds all state.")] = Path("var")
    archive: Annotated[
        str | None,
        Field(
            description="Folder of the archive, or `s3://bucket/prefix`; `archive` under the home "
            "if unset."
        ),
    ] = None
    claims: Annotated[
        str | None,
        Field(
            description="Where messages wait that are too large for a flow run's parameter: a "
            "folder or `s3://bucket/prefix`; `claims` under the home if unset."
        ),
    ] = None
    notebooks: Annotated[Path, Field(description="Folder of the newsletters' notebooks.")] = (
        REPOSITORY / "notebooks"
    )
    public_url: Annotated[
        str | None,
        Field(description="Address of the archive in mails and feeds; a file: address if unset."),
    ] = None
    ledger: Annotated[
        str | None,
        Field(
            description="Subscribers and deliveries: `sqlite:///…` or `dynamodb://table-prefix`; "
            "`ledger.db` under the home if unset."
        ),
    ] = None
    sender: Annotated[
        str, Field(description="From address of the mails; its domain names lists and messages.")
    ] = "Gridletter <newsletter@gridletter.example>"
    email_block: Annotated[
        str | None,
        Field(description="Name of the prefect-email block `EmailServerCredentials` to send with."),
    ] = None
    smtp_url: Annotated[
        SecretStr | None,
        Field(
            description="Mail server where no block is named: "
            "`smtp://user:password@host:587?security=starttls` (or `ssl`, `none`). "
            "With neither, mails are written to the outbox."
        ),
    ] = None
    mail_connections: Annotated[
        int,
        Field(ge=1, le=64, description="Connections to the mail server at once, of each flow run."),
    ] = 4
    mails_per_second: Annotated[
        float | None, Field(gt=0, description="The most that the mail server's provider allows.")
    ] = None
    mails_per_shard: Annotated[
        int,
        Field(
            ge=1,
            description="A send of more mails than this is shared with flow runs of `deliver`, one "
            "for so many mails, where archive and ledger are in the cloud and `deliver` is "
            "deployed.",
        ),
    ] = 10_000
    mail_shards: Annotated[
        int, Field(ge=1, le=64, description="Flow runs that send one issue, at most.")
    ] = 8
    unsubscribe_url: Annotated[
        str | None,
        Field(description="What an unsubscribe link begins with; without it mails carry none."),
    ] = None
    unsubscribe_keys: Annotated[
        SecretStr | None,
        Field(description="Keys that sign unsubscribe links, oldest first, with `,` in between."),
    ] = None
    webhook_keys: Annotated[
        SecretStr | None,
        Field(
            description="Keys of those who may push, oldest first, with `,` in between: as last "
            "part of the webhook's path, or for its signature. Unset, anybody may push."
        ),
    ] = None
    webhook_answer: Annotated[
        Literal["soap", "acknowledgement"],
        Field(description="How a push is answered: a SOAP ResponseMessage, or a market document."),
    ] = "soap"
    webhook_largest_mb: Annotated[
        int, Field(ge=1, le=512, description="The largest push that is taken, in MB.")
    ] = 16
    operators: Annotated[
        str | None, Field(description="Address that learns by mail when an issue fails.")
    ] = None
    alert_rejected_percent: Annotated[
        float,
        Field(ge=0, le=100, description="Operators learn of an issue with more rejected mails."),
    ] = 5
    entsoe_api_key: Annotated[
        SecretStr | None,
        Field(
            description="Transparency Platform key for installed capacities; the Prefect Secret "
            "block `entsoe-api-key` comes first."
        ),
    ] = None
    notebook_deadline_seconds: Annotated[
        float, Field(gt=0, le=86_400, description="A notebook's whole run is killed after this.")
    ] = 300
    notebook_memory_mb: Annotated[
        int,
        Field(ge=512, description="Address space a notebook may take (Linux), in MB."),
    ] = 4096
    notebook_output_mb: Annotated[
        int, Field(ge=1, description="Output a notebook may produce in all, in MB.")
    ] = 16
    parallel_notebooks: Annotated[
        int, Field(ge=1, le=64, description="Notebooks of one event that run side by side.")
    ] = 2

    @field_validator("home", "notebooks", mode="before")
    @classmethod
    def _absolute(cls, folder: object) -> Path:
        if "://" in str(folder):
            message = "an address, but only folders can be used"
            raise ValueError(message)
        return Path(str(folder)).expanduser().absolute()

    @field_validator("archive", "claims")
    @classmethod
    def _folder_or_bucket(cls, address: str | None) -> str | None:
        if address is None:
            return None
        if "://" not in address:
            return str(Path(address).expanduser().absolute())
        parts = urlsplit(address)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            message = "neither a folder nor s3://bucket/prefix"
            raise ValueError(message)
        return address.rstrip("/")

    @field_validator("unsubscribe_url")
    @classmethod
    def _link_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if urlsplit(url).scheme not in {"http", "https"}:
            message = "not an http or https address"
            raise ValueError(message)
        # A token follows, as the last part of the path or as a value of the query.
        return url if url.endswith(("/", "=")) else f"{url}/"

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if urlsplit(url).scheme not in {"http", "https", "file"}:
            message = "not an http, https or file address"
            raise ValueError(message)
        return url.rstrip("/") + "/"

    @model_validator(mode="after")
    def _links_are_signed(self) -> Self:
        if self.unsubscribe_url is not None and self.unsubscribe_keys is None:
            message = "unset, but an unsubscribe link must be signed"
            raise ValueError(message)
        return self

    @cached_property
    def archive_address(self) -> str:
        """The archive's folder or `s3://` address, as `open_store` takes it."""
        return self.archive or str(self.home / "archive")

    @cached_property
    def archive_url(self) -> str:
        """The archive's address for readers, with a slash at its end.

        Without a public address that is the place itself: a file: address, or s3://.
        """
        if self.public_url is not None:
            return self.public_url
        address = self.archive_address
        return f"{address if '://' in address else Path(address).as_uri()}/"

    @property
    def outbox_folder(self) -> Path:
        """Where mails are written as long as no mail server is set."""
        return self.home / "outbox"

    @property
    def ledger_address(self) -> str:
        """Where subscribers and deliveries are, as `open_ledger` takes it."""
        return self.ledger or f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def is_in_the_cloud(self) -> bool:
        """Whether archive and ledger are the same for flow runs on any machine."""
        return "://" in self.archive_address and not self.ledger_address.startswith("sqlite:")

    @property
    def unsubscribe_key_list(self) -> list[str]:
        """The keys that sign unsubscribe links, the oldest first."""
        return _listed(self.unsubscribe_keys)

    @property
    def webhook_key_list(self) -> list[str]:
        """The keys of those who may push, the oldest first; none where anybody may."""
        return _listed(self.webhook_keys)

    @property
    def failed_folder(self) -> Path:
        """Where notebooks are kept that failed, as far as they came."""
        return self.home / "failed"

    @property
    def claims_address(self) -> str:
        """Where large messages wait, as `open_store` takes it."""
        return self.claims or str(self.home / "claims")

    @property
    def claims_url(self) -> str:
        """What the address of a large message begins with: `file:` or `s3:`."""
        address = self.claims_address
        return address if "://" in address else Path(address).as_uri()

    @property
    def inbox_file(self) -> Path:
        """Where the gateway keeps pushed messages until a flow run has them."""
        return self.home / "inbox.db"

    @property
    def capacity_cache_folder(self) -> Path:
        """Where installed capacities are kept for a day."""
        return self.home / "cache" / "installed_capacity"


def _listed(keys: SecretStr | None) -> list[str]:
    text = keys.get_secret_value() if keys else ""
    return [key.strip() for key in text.split(",") if key.strip()]


def load() -> Settings:
    """Return the settings from the environment.

    Raises:
        SettingsError: a variable is malformed; says which, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # The one check over several settings, which has no place of its own, is about the keys.
        named = "_".join(str(step) for step in first["loc"]).upper() or "UNSUBSCRIBE_KEYS"
        name = PREFIX + named
        raise SettingsError(
            f"the setting {name} can't be used: {one_line(first['msg'])}",
            remedy=f"Correct or unset {name}; the README's table of settings says what it takes.",
            setting=name,
        ) from None

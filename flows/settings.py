"""Every setting once: environment variables `GRIDLETTER_…`, typed, checked at start."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from flows.errors import SettingsError, one_line

PREFIX = "GRIDLETTER_"
REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What an operator can set; the README's table is held against this class by a test."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Folder that holds all state.")] = Path("var")
    archive: Annotated[
        Path | None, Field(description="Folder of the archive; `archive` under the home if unset.")
    ] = None
    notebooks: Annotated[Path, Field(description="Folder of the newsletters' notebooks.")] = (
        REPOSITORY / "notebooks"
    )
    public_url: Annotated[
        str | None,
        Field(description="Address of the archive in mails and feeds; a file: address if unset."),
    ] = None
    sender: Annotated[
        str, Field(description="From address of the mails; its domain names lists and messages.")
    ] = "Gridletter <newsletter@gridletter.example>"
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

    @field_validator("home", "archive", "notebooks", mode="before")
    @classmethod
    def _absolute(cls, folder: object) -> Path | None:
        if folder is None:
            return None
        if "://" in str(folder):
            message = "an address, but only folders can be used"
            raise ValueError(message)
        return Path(str(folder)).expanduser().absolute()

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if urlsplit(url).scheme not in {"http", "https", "file"}:
            message = "not an http, https or file address"
            raise ValueError(message)
        return url.rstrip("/") + "/"

    @cached_property
    def archive_folder(self) -> Path:
        """The archive's folder, set or under the home."""
        return self.archive or self.home / "archive"

    @cached_property
    def archive_url(self) -> str:
        """The archive's address with a slash at its end."""
        return self.public_url or self.archive_folder.as_uri() + "/"

    @property
    def outbox_folder(self) -> Path:
        """Where mails are written as long as no mail server is set."""
        return self.home / "outbox"

    @property
    def subscribers_file(self) -> Path:
        """The subscribers' CSV file."""
        return self.home / "subscribers.csv"

    @property
    def claims_folder(self) -> Path:
        """Where messages wait that are too large for a flow run's parameter."""
        return self.home / "claims"

    @property
    def capacity_cache_folder(self) -> Path:
        """Where installed capacities are kept for a day."""
        return self.home / "cache" / "installed_capacity"


def load() -> Settings:
    """Return the settings from the environment.

    Raises:
        SettingsError: a variable is malformed; says which, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "_".join(str(step) for step in first["loc"]).upper()
        raise SettingsError(
            f"the setting {name} can't be used: {one_line(first['msg'])}",
            remedy=f"Correct or unset {name}; the README's table of settings says what it takes.",
            setting=name,
        ) from None

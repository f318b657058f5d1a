"""Prefect without a server or a login: its API embedded in this process, its state in our home."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTUP_SECONDS = 120


@contextmanager
def prefect_api(home: Path, *, always_embedded: bool = False) -> Iterator[str | None]:
    """Have a Prefect API at hand; yield its address, or None where it is embedded.

    An API that the environment or the active profile names is used as it is. Otherwise Prefect
    starts its own for the time being, with its database in `home`, so that two homes never meet.

    Args:
        home: Where the embedded API keeps its database.
        always_embedded: Use the embedded API even where another one is named.
    """
    # Read at Prefect's import. Outcomes are this command's output; the log stays in the API.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from prefect import settings  # noqa: PLC0415 - slow, and reads the two variables above

    address = settings.get_current_settings().api.url
    if address is not None and not always_embedded:
        yield address
        return
    home.mkdir(parents=True, exist_ok=True)
    database = f"sqlite+aiosqlite:///{home / 'prefect.db'}"
    with settings.temporary_settings(
        updates={
            settings.PREFECT_SERVER_DATABASE_CONNECTION_URL: database,
            settings.PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: STARTUP_SECONDS,
            settings.PREFECT_SERVER_EPHEMERAL_ENABLED: True,
            settings.PREFECT_SERVER_ANALYTICS_ENABLED: False,
            # Its thread has each flow wait up to a second at its end; who started this one sees it.
            settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        },
        restore_defaults={settings.PREFECT_API_URL},
    ):
        yield None

"""Prefect without a server or a login: its API in a process of ours, its state in our home."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTUP_SECONDS: Final = 120


@contextmanager
def prefect_api(home: Path, *, always_embedded: bool = False) -> Iterator[str | None]:
    """Have a Prefect API at hand; yield its address, or None where it is embedded.

    An API that the environment or the active profile names is used as it is. Otherwise this process
    has one of its own until it ends, with its database in `home`, so that two homes never meet. It
    starts while this process imports Prefect and whatever comes after; the first question waits
    for it.

    Args:
        home: Where the embedded API keeps its database.
        always_embedded: Use the embedded API even where another one is named.
    """
    # Read at Prefect's import. Outcomes are this command's output; the log stays in the API.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    if "prefect" not in sys.modules and (always_embedded or not os.environ.get("PREFECT_API_URL")):
        _api_of(home)
    from prefect import settings  # noqa: PLC0415 - slow, and reads the two variables above

    address = settings.get_current_settings().api.url
    is_embedded = address is None or always_embedded
    if not is_embedded and home in _running:
        # The profile names one, which only Prefect can tell.
        _running.pop(home).end()
    changed: dict[Any, object] = {
        # Its thread has each flow wait up to a second at its end; who started this one sees it.
        settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    if is_embedded:
        changed[settings.PREFECT_API_URL] = _api_of(home).url
        changed[settings.PREFECT_API_REQUEST_TIMEOUT] = STARTUP_SECONDS
    login = {settings.PREFECT_API_KEY, settings.PREFECT_API_AUTH_STRING}
    with settings.temporary_settings(changed, restore_defaults=login if is_embedded else None):
        yield None if is_embedded else address


class _Api:
    """The process of an embedded API, and its address; see `embedded_api`."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
            self._process = subprocess.Popen(  # noqa: S603 - this Python
                [sys.executable, "-m", "flows.embedded_api", str(listening.fileno()), str(home)],
                env=_environment(home),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listening.fileno()],
                start_new_session=True,  # an interrupted command still has things to tell it
            )

    @property
    def is_alive(self) -> bool:
        """Whether it answers, or will."""
        return self._process.poll() is None

    def end(self) -> None:
        """Let it end: it takes a few seconds at most."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


_running: Final[dict[Path, _Api]] = {}


def _api_of(home: Path) -> _Api:
    """Return the API of this process for `home`, started if it is not there."""
    api = _running.get(home)
    if api is None or not api.is_alive:
        api = _running[home] = _Api(home)
    return api


def _end_all() -> None:
    while _running:
        _, api = _running.popitem()
        api.end()


def _environment(home: Path) -> dict[str, str]:
    """Return this process's environment with what the API's own process is to have else."""
    return {
        **{name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"},
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        # Set by Prefect itself where it starts a server for the time being.
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }


# Registered before Prefect registers what sends its last logs, and so called after it.
atexit.register(_end_all)

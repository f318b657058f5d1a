"""A real Prefect server on loopback for a module's tests, in a process of its own.

A test module with `pytest_plugins = ("prefect_server",)` has its API as the fixture `api`, where
Prefect's clients in the tests' process find it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from waiting import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_SECONDS = 120
_QUICK = {
    # Windows that ended are looked at each second, not each fifth.
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server while the module's tests run; give its API's address."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        serving(tmp_path_factory.mktemp("prefect")) as url,
        temporary_settings(updates={PREFECT_API_URL: url}),
    ):
        yield url


@contextmanager
def serving(home: Path, port: int | None = None, **environment: str) -> Iterator[str]:
    """Run a server with its database in `home` while the context lasts; yield its API's address."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/api"
    told = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"]
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            env=told | _QUICK | {"PREFECT_HOME": str(home)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: server.poll() is not None or _answers(url), _START_SECONDS, "the server")
            assert server.poll() is None, log.read_text("utf-8", "replace")[-2000:]
            yield url
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False

"""Ledgers and mail servers for senders that die, and the figures of each test at the end."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import mail_server
import pytest
from mail_sender import Sender

import ecs_rig
import mail_examples
from ledger_examples import new_tables
from smtp_sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_FIGURES = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Have a place for the figures."""
    config.stash[_FIGURES] = {}


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures, passed tests' too."""
    if not config.stash[_FIGURES]:
        return
    terminalreporter.section("faults: what was done, and what came of it")
    for title, tally in config.stash[_FIGURES].items():
        numbers = ", ".join(f"{number:g} {name}" for name, number in tally.items())
        terminalreporter.write_line(f"{title}: {numbers}")


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """Serve AWS on loopback to everybody; give what leads clients there."""
    with ecs_rig.aws() as told:
        yield told


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """Run a mail server."""
    with Sink() as running:
        yield running


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Count what the test did; its cases are summed up, but for those of different ledgers."""
    started, tally = time.monotonic(), Counter()
    yield tally
    tally["seconds"] = round(time.monotonic() - started, 1)
    kind = getattr(request.node, "callspec", None) and request.node.callspec.params.get("kind")
    title = f"{request.node.originalname}{f' on {kind}' if kind else ''}"
    request.config.stash[_FIGURES].setdefault(title, Counter()).update(tally)


@pytest.fixture(autouse=True)
def _no_survivors() -> Iterator[None]:
    """Kill what a failed test left: Python waits at its end, and a stopped process never ends."""
    yield
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


@pytest.fixture(params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Say which ledger: a test that is for DynamoDB, too, gives both."""
    return str(request.param)


@pytest.fixture
def pipelining() -> bool:
    """Have the server offer PIPELINING, unless the test has it otherwise."""
    return True


@pytest.fixture
def faults() -> tuple[()]:
    """Have the server behave, unless the test has it otherwise."""
    return ()


@pytest.fixture
def server(tmp_path, faults, pipelining) -> Iterator[mail_server.MailServer]:
    """Run a mail server, a process of its own."""
    log = tmp_path / "taken.txt"
    with mail_server.serving(log, faults=faults, pipelining=pipelining) as running:
        yield running


@pytest.fixture
def sender(kind, request, server, tmp_path) -> Sender:
    """Describe a sender to that server, with a ledger of its own."""
    if kind == "sqlite":
        address, environment = f"sqlite:///{tmp_path / 'ledger.db'}", {}
    else:
        request.getfixturevalue("dynamodb")
        address = new_tables()
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return Sender(
        address, server.port, mail_examples.prepared(link=None), 10, environment=environment
    )


@pytest.fixture
def disk_of(tmp_path: Path) -> Callable[[int], AbstractContextManager[Path]]:
    """Give what mounts a folder with room for so many megabytes. It takes root, which CI is."""
    if os.geteuid() != 0 and "CI" not in os.environ:
        pytest.skip("only root may mount a tmpfs")

    @contextmanager
    def mounted(size_mb: int) -> Iterator[Path]:
        folder = tmp_path / "small"
        folder.mkdir()
        size = f"size={size_mb}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        yield folder
        subprocess.run(["umount", "-l", folder], check=True)

    return mounted

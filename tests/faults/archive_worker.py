"""Publishers and rebuilds as processes of their own, which may be killed at any write."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import archive_examples as examples
from flows.archive import Archive, open_store
from flows.archive import archive as archive_module

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

FORKS = multiprocessing.get_context("forkserver")
# What the examples import; they themselves are not on the server's path.
FORKS.set_forkserver_preload(["flows.archive.store_s3", "flows.issue", "flows.notebook.newsletter"])
WRITES = frozenset({"put", "create", "update", "delete"})


class Killed:
    """A store whose process is killed before so many requests that write."""

    def __init__(self, store, dies_at):
        self._store = store
        self._left = dies_at

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if name not in WRITES:
            return value

        def write(*arguments):
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
            return value(*arguments)

        return write


@dataclass(frozen=True)
class Worker:
    """One process: what it publishes into which archive, in this order; or a rebuild of it.

    An issue is given by the arguments of `examples.issue`. `name` stands in what it writes: of two
    who publish the same issue, each has files of its own.
    """

    address: str
    issues: tuple[tuple[str, str, int, int], ...] = ()
    rebuilds: bool = False
    name: str = ""
    dies_at: int | None = None
    lease_seconds: float = 10.0
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> ForkServerProcess:
        """Start the process."""
        process = FORKS.Process(target=self.run, daemon=True)
        process.start()
        return process

    def run(self) -> None:
        """Do it."""
        os.environ.update(self.environment)
        archive_module.Search = examples.NoSearch
        store = open_store(self.address)
        if self.dies_at is not None:
            store = Killed(store, self.dies_at)
        archive = Archive(store, examples.URL, timedelta(seconds=self.lease_seconds))
        if self.rebuilds:
            archive.rebuild(lambda *_: None)
        for each in self.issues:
            examples.publish(archive, examples.issue(*each, by=self.name))


def finish(process: ForkServerProcess, seconds: float = 60) -> bool:
    """Wait for the end of a process; return whether it came to it by itself."""
    process.join(seconds)
    if process.exitcode not in {0, -signal.SIGKILL}:
        message = f"the process ended with {process.exitcode}"
        raise AssertionError(message)
    return process.exitcode == 0

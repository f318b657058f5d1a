"""A kernel of this very Python that leaves nothing behind: how it is started, and how it is ended.

Which kernels a user has installed does not matter, nor their IPython configuration: each run has a
folder of its own for its working directory, its temporary files, its profile and its connection,
which is by Unix sockets in that folder (TCP ports could be taken twice by two processes at once).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from flows.notebook import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.connect import KernelConnectionInfo

_TAIL_BYTES = 4_096
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
# A kernel that ends closes its sockets first; this is how long it may then take to be gone.
_GRACE_SECONDS = 2.0


class _ThisPython(KernelSpecManager):
    """Knows one kernel, whatever it is asked for."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            argv=[
                sys.executable,
                *("-m", "ipykernel_launcher", "-f", "{connection_file}"),
                "--HistoryManager.enabled=False",
            ],
            name=kernel_name,
            display_name="Python",
            language="python",
        )


class _Supervised(LocalProvisioner):
    """Starts the kernel under `supervisor`, whose standard input is the kernel's lifeline."""

    memory_bytes: int
    log_file: Path
    _supervisor: subprocess.Popen[bytes] | None = None
    _unwanted = False

    async def launch_kernel(
        self,
        cmd: list[str],
        **kwargs: Any,  # noqa: ANN401 - Popen's, handed through
    ) -> KernelConnectionInfo:
        """Start the supervisor with the kernel's command `cmd`."""
        supervisor = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(self.memory_bytes)]
        with self.log_file.open("wb") as log:
            connection = await super().launch_kernel(
                [*supervisor, *cmd],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                **kwargs,
            )
        self._supervisor = self.process
        if self._unwanted:  # `end` was called from another thread while it started
            self.end()
        return connection

    def end(self) -> None:
        """Cut the kernel's lifeline and wait until nothing is left of it."""
        self._unwanted = True
        if self._supervisor is None or self._supervisor.stdin is None:
            return
        with suppress(BrokenPipeError, ValueError):  # it has ended; the lifeline is cut already
            # A byte does it also where a fork of this process still holds the pipe open.
            os.write(self._supervisor.stdin.fileno(), b".")
        self._supervisor.stdin.close()
        self._supervisor.wait()

    @property
    def exit_status(self) -> int | None:
        """The supervisor's exit status once it has ended, which is the kernel's."""
        return None if self._supervisor is None else self._supervisor.poll()


class Kernel:
    """One kernel for one notebook, connected by Unix sockets in `folder`.

    `memory_bytes` bounds its address space (Linux). A message from it that is larger than
    `largest_message_bytes` is not taken: the connection breaks instead, and `on_flood` is called.
    """

    def __init__(
        self,
        notebook: Path,
        folder: Path,
        *,
        memory_bytes: int,
        largest_message_bytes: int,
        on_flood: Callable[[], None],
    ) -> None:
        """Prepare the kernel; nothing is started yet."""
        self._environment = environment.shared() | environment.own(notebook, folder)
        self._on_flood = on_flood
        self._breaks: zmq.asyncio.Socket | None = None
        self._watch: asyncio.Task[None] | None = None
        self._folder = folder
        self._manager = AsyncKernelManager(
            kernel_spec_manager=_ThisPython(),
            connection_file=str(folder / "connection.json"),
            transport="ipc",
            ip=str(folder / "socket"),
        )
        self._supervised = _Supervised(kernel_spec=self._manager.kernel_spec, parent=self._manager)
        self._supervised.memory_bytes = memory_bytes
        self._supervised.log_file = folder / "kernel.log"
        self._manager.provisioner = self._supervised
        self._context = zmq.asyncio.Context()
        self._context.setsockopt(zmq.MAXMSGSIZE, largest_message_bytes)

    async def start(self) -> AsyncKernelClient:
        """Start the kernel and return a client once it answers.

        Raises:
            RuntimeError: it ended before it answered.
        """
        work = self._folder / "work"
        work.mkdir()
        await self._manager.start_kernel(cwd=str(work), env=self._environment)
        client = self._manager.client(context=self._context)
        client.start_channels(stdin=False, hb=False, control=False)
        client.allow_stdin = False
        await client.wait_for_ready()
        self._breaks = client.iopub_channel.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._watch = asyncio.create_task(self._watch_for_flood(self._breaks))
        return client

    async def _watch_for_flood(self, breaks: zmq.asyncio.Socket) -> None:
        """Tell when a message above the limit has broken the connection to the kernel."""
        await breaks.poll()
        await asyncio.sleep(_GRACE_SECONDS)
        if self.exit_status is None:
            self._on_flood()

    async def is_flooded(self) -> bool:
        """Whether a message was too large, also if the connection was made again since."""
        return self._breaks is not None and bool(await self._breaks.poll(0))

    def end(self) -> None:
        """Kill the kernel and all that it started; from any thread, at any time, also twice.

        When this returns, nothing of it is left (on Linux; see `supervisor`).
        """
        self._supervised.end()

    async def close(self) -> None:
        """End the kernel and close every connection to it."""
        if self._watch is not None:
            self._watch.cancel()
        self.end()
        await self._manager.cleanup_resources()
        self._context.destroy(linger=0)

    @property
    def exit_status(self) -> int | None:
        """How the kernel ended; 128 and the number of the signal if one killed it."""
        return self._supervised.exit_status

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self.exit_status is not None

    @property
    def last_words(self) -> str:
        """The last line that the kernel's process wrote to its standard error."""
        with self._supervised.log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

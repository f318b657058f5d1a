"""The zygote in this process's hands: started when it is first needed, and asked for runs.

One zygote (see `zygote`) serves all runs of this process. It is replaced when it has died, or when
the environment for notebooks has changed; it ends with this process, however that ends. `warm`
starts it ahead of a run that will come.

Only Linux has what this takes: processes that adopt orphans, that can be waited for beside a
socket, and libraries that work after a fork (macOS's do not).
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Final

from flows.notebook import environment

AVAILABLE: Final = sys.platform == "linux" and hasattr(os, "pidfd_open")

_TAIL_BYTES: Final = 4_096


class Zygote:
    """The zygote's process, as this process has it in hand."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this Python
                [
                    *(sys.executable, "-P", "-u", "-m", "flows.notebook.zygote"),
                    *(str(os.getpid()), str(theirs.fileno())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=variables,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is this process's business
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can take requests."""
        return self._process.poll() is None

    def fork(self, request: bytes, descriptors: list[int]) -> None:
        """Ask for a run; OSError if it has died."""
        socket.send_fds(self._control, [request], descriptors)

    @property
    def last_words(self) -> str:
        """What it wrote to its standard error last, until it is ended."""
        if self._errors.closed:
            return ""
        size = os.fstat(self._errors.fileno()).st_size
        tail = os.pread(self._errors.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        return tail.decode(errors="replace")

    def let_go(self) -> None:
        """Take no more requests; it ends with the last of its runs."""
        self._control.close()

    def end(self) -> None:
        """End it, and with it all its runs."""
        self.let_go()
        self._process.kill()
        self._process.wait()
        self._errors.close()


class Link:
    """What a run and its owner are connected by."""

    def __init__(self, zygote: Zygote, request: bytes) -> None:
        """Ask `zygote` for a run; OSError if it has died."""
        self.zygote = zygote
        self.run, run = socket.socketpair()
        pipes = [os.pipe() for _ in range(3)]
        reads, writes = [pipe[0] for pipe in pipes], [pipe[1] for pipe in pipes]
        self.outputs = dict(zip(("stdout", "stderr"), reads, strict=False))
        self.status = reads[2]
        self._result: int | None = None
        self._is_over = False
        for descriptor in self.outputs.values():
            os.set_blocking(descriptor, False)
        self.run.setblocking(False)  # noqa: FBT003 - its signature
        try:
            zygote.fork(request, [run.fileno(), *writes])
        except OSError:
            self.close()
            raise
        finally:
            run.close()
            for descriptor in writes:
                os.close(descriptor)

    def end(self) -> int | None:
        """End the run, wait until nothing is left of it, and return its exit status if known."""
        if not self._is_over:
            with suppress(OSError):
                # Not just closed: a fork of this process may hold it, too.
                self.run.shutdown(socket.SHUT_RDWR)
            status = os.read(self.status, 1)
            self._result = status[0] if status else None
            self._is_over = True
        return self._result

    def close(self) -> None:
        """Close all descriptors."""
        self.run.close()
        for descriptor in (*self.outputs.values(), self.status):
            os.close(descriptor)


_lock = threading.Lock()
_current: list[Zygote] = []
"""The zygote that takes requests, last, and before it those that have runs left."""


def warm() -> None:
    """Have the zygote import what notebooks need while this process does something else."""
    if AVAILABLE:
        with _lock:
            _zygote()


def _zygote() -> Zygote:
    """Return a zygote for the environment as it is now; call it with `_lock` held."""
    variables = environment.shared()
    if not _current or not _current[-1].is_alive or _current[-1].variables != variables:
        if _current:
            _current[-1].let_go()
        _current[:] = [former for former in _current if former.is_alive]
        _current.append(Zygote(variables))
    return _current[-1]


def end_zygotes() -> None:
    """End the zygote, and what former ones may have left to do."""
    with _lock:
        while _current:
            _current.pop().end()


def _forget_zygotes() -> None:
    """In a fork of this process: they are its parent's."""
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    _current.clear()


atexit.register(end_zygotes)
if AVAILABLE:
    os.register_at_fork(after_in_child=_forget_zygotes)


def request_run(request: bytes) -> Link:
    """Have the zygote fork for a run as `request` says (see `zygote`)."""
    with _lock:
        try:
            return Link(_zygote(), request)
        except OSError:
            _current[-1].end()  # it has died, and was not yet known to
            return Link(_zygote(), request)

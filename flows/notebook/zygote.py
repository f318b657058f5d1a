"""The zygote: a process that has imported what notebooks import, and forks for each run.

    python -P -u -m flows.notebook.zygote PARENT_PID CONTROL_DESCRIPTOR

A kernel spends a second and more on imports, the same for each run. Here they are done once, and a
run is a fork (Linux):

    owner ──► zygote ──► supervisor ──► notebook ──► what it starts
              (one)      (one a run)    (one a run)

The supervisor is a child subreaper and leaves nothing of the run behind: see `supervisor`. Each
process but the last watches those before it and ends with them, also when they are killed.

The zygote has one thread, reads no event and runs no cell: no run can leave anything in it for the
next one. It has none of its owner's secrets (see `environment`).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.notebook import supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

# What a newsletter's notebook loads. Not matplotlib_inline: it looks for the shell that it belongs
# to when it is imported, finds none here, and charts by pyplot would vanish without a word.
PRELOADED: Final = (
    "flows.notebook.shell",
    "matplotlib.backends.backend_agg",
    "matplotlib.dates",
    "matplotlib.layout_engine",
    "matplotlib.pyplot",
    "numpy.random",
    "pandas",
    "PIL.PngImagePlugin",
    "flows.desk",
)
DESCRIPTORS: Final = 4
"""With each request: the run's socket, the write ends of its output, errors and exit status."""
LARGEST_REQUEST_BYTES: Final = 65_536

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
# What a shell needs before the first cell.
_SPARE_BYTES = 32 << 20
# What it needs to say that there is no memory left: a traceback is a large piece of work.
_REPORT_BYTES = 64 << 20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PEER_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Zygote:
    """Takes requests by the control socket until it is closed and all runs have ended."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self._control = control
        self._parent = parent
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(parent, select.POLLIN)
        self._open = True
        self._runs: dict[int, tuple[int, int]] = {}
        """By the supervisor's pidfd: its process id, and where its exit status is to go."""

    def serve(self) -> None:
        """Fork for each request and tell each run's owner how it ended."""
        while self._open or self._runs:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._parent:
                    return  # the supervisors see this process end
                if descriptor == self._control.fileno():
                    self._take_request()
                else:
                    self._report_end(descriptor)

    def _take_request(self) -> None:
        data, descriptors, *_ = socket.recv_fds(
            self._control, LARGEST_REQUEST_BYTES, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not data:
            self._open = False
            self._poll.unregister(self._control)
            return
        run, out, err, status = descriptors
        pid = _fork(self._close_for_run, supervise, descriptors, json.loads(data))
        for descriptor in (run, out, err):
            os.close(descriptor)
        watched = os.pidfd_open(pid)
        self._runs[watched] = (pid, status)
        self._poll.register(watched, select.POLLIN)

    def _report_end(self, watched: int) -> None:
        pid, status = self._runs.pop(watched)
        self._poll.unregister(watched)
        os.close(watched)
        code = exit_status(pid)
        self._end_orphans()
        os.write(status, bytes([code]))
        os.close(status)

    def _end_orphans(self) -> None:
        """Kill what a supervisor left that was killed itself."""
        supervisors = {pid for pid, _ in self._runs.values()}
        while orphans := set(supervisor.children()) - supervisors:
            for pid in orphans:
                supervisor.kill(pid)
                os.waitpid(pid, 0)

    def _close_for_run(self) -> None:
        """In a fork: let go of what is the zygote's, and of other runs."""
        self._control.close()
        os.close(self._parent)
        for watched, (_, status) in self._runs.items():
            os.close(watched)
            os.close(status)


def supervise(descriptors: list[int], request: dict[str, Any]) -> int:
    """Fork the notebook and wait until it ends, or its owner or the zygote does; leave nothing.

    Returns its exit status.
    """
    run, out, err, status = descriptors
    zygote = os.pidfd_open(os.getppid())
    supervisor.adopt_orphans()

    def close_for_notebook() -> None:
        os.close(zygote)
        os.close(status)  # open as long as the zygote or this process is there

    pid = _fork(close_for_notebook, become_notebook, run, out, err, request)
    os.close(out)
    os.close(err)
    notebook = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(notebook, select.POLLIN)
    poll.register(zygote, select.POLLIN)
    poll.register(run, _PEER_GONE)
    poll.poll()
    supervisor.kill_group(pid)
    code = exit_status(pid)
    supervisor.end_descendants()
    return code


def become_notebook(run: int, out: int, err: int, request: dict[str, Any]) -> int:
    """Make of this fork what a fresh process would be, and run cells in it."""
    supervisor_pid = os.getppid()
    os.setsid()
    supervisor.control_process(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != supervisor_pid:
        return 1
    for source, target in ((out, 1), (err, 2)):
        os.dup2(source, target)
        os.close(source)
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    tempfile.tempdir = None
    sys.modules["numpy.random"].seed()  # `random` does so by itself after a fork
    if not _bound_memory(request["memory_bytes"]):
        return 1
    sys.modules["flows.notebook.shell"].serve(socket.socket(fileno=run))
    return 0


def _bound_memory(most_bytes: int) -> bool:
    """Bound the address space, unless what is there already leaves no room for a notebook."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    taken = int(pages) * _PAGE_BYTES + _SPARE_BYTES
    if taken > most_bytes:
        sys.stderr.write(f"it takes {taken // 1_000_000} MB before the first cell\n")
        return False
    supervisor.bound_memory(most_bytes, _REPORT_BYTES)
    return True


def exit_status(pid: int) -> int:
    """Wait for the child; return its exit status as shells have it: 128 and a signal's number."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _fork(
    before: Callable[[], None],
    become: Callable[..., int],
    *arguments: Any,  # noqa: ANN401
) -> int:
    """Return the process id of a fork that ends with what `become` returns, and runs nothing else.

    Nothing of this process is done again in the fork: no exit handlers, no flush of its buffers.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        before()
        code = become(*arguments)
    except BaseException:  # noqa: BLE001 - nothing may run on into the zygote's own code
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def main(parent_pid: int, control_descriptor: int) -> None:
    """Import what notebooks need, then serve."""
    parent = os.pidfd_open(parent_pid)
    if os.getppid() != parent_pid:
        return
    supervisor.adopt_orphans()
    control = socket.socket(fileno=control_descriptor)
    gc.disable()  # all that imports make stays
    for name in PRELOADED:
        importlib.import_module(name)
    sys.modules["PIL.Image"].preinit()
    # A fork's collector need not touch, and so copy, any of it.
    gc.freeze()
    gc.enable()
    Zygote(control, parent).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""Runs one command and leaves nothing of it behind: a notebook's kernel lives under this process.

    python -I -S supervisor.py MEMORY_BYTES COMMAND [ARGUMENT…]

The command runs in a session of its own with its address space bounded (`RLIMIT_AS`, Linux). When
it ends, or when this process's standard input is closed (because its parent wants so, or is dead,
whatever killed it), every process that the command started is killed, also one that opened a new
session or was orphaned by a double fork: Linux hands orphans to the nearest "child subreaper"
(prctl(2)), which is this process, so that it can kill and reap until it has no child left. Other
systems have no subreaper; there only the command's own process group is killed.

The exit status is the command's, or 128 and the number of the signal that killed it, as shells
have it. Only the standard library is imported, for this starts before each kernel.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
_LINUX = sys.platform == "linux"


def control_process(option: int, value: int) -> None:
    """Call prctl(2): change how Linux treats this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    control_process(_SET_CHILD_SUBREAPER, 1)


def bound_memory(most_bytes: int, reserve_bytes: int = 0) -> None:
    """Bound the address space of this process and of each that it starts.

    The process itself may raise the bound by `reserve_bytes` later on.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > most_bytes + reserve_bytes:
        hard = most_bytes + reserve_bytes
    resource.setrlimit(resource.RLIMIT_AS, (min(most_bytes, hard), hard))


def children() -> list[int]:
    """Return the process ids whose parent this process is, zombies among them."""
    own, found = os.getpid(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "stat").read_text(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        # proc_pid_stat(5): "pid (comm) state ppid …", and comm may hold spaces and parentheses.
        if int(status.rpartition(")")[2].split()[1]) == own:
            found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    """Kill the process `pid`, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def kill_group(pid: int) -> None:
    """Kill the process group `pid`, if it is still there."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM if only zombies are left
        return


def end_descendants() -> None:
    """Kill and reap until no child is left; each death may hand over further orphans."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for child in children():
                kill(child)
            time.sleep(0.002)


def _kill_on_input(pid: int) -> None:
    os.read(0, 1)
    kill_group(pid)


def main(memory_bytes: int, command: list[str]) -> int:
    """Run `command` to its end, or until input comes; return its exit status."""
    if _LINUX:
        adopt_orphans()
        bound_memory(memory_bytes)
    # ipykernel ends by itself within a second when its parent is not this process any more.
    environment = os.environ | {"JPY_PARENT_PID": str(os.getpid())}
    pid = os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        setsid=True,
        setsigdef=[signal.SIGPIPE],  # Python ignores it, and an ignored signal is inherited
    )
    threading.Thread(target=_kill_on_input, args=(pid,), daemon=True).start()
    _, status = os.waitpid(pid, 0)
    if _LINUX:
        end_descendants()
    else:
        kill_group(pid)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

"""On which machine: figures mean nothing without it."""

from __future__ import annotations

import multiprocessing
import os
import platform
import sqlite3
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

P = ParamSpec("P")
R = TypeVar("R")
_COMMITS = 200


def describe() -> dict[str, JsonValue]:
    """Return what the figures depend on: processor, system, Python, load, the disk's commits."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "commit_ms": round(_commit_seconds() * 1000, 3),
    }


def in_fresh_process(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns in a process that has done nothing else."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(function, *args, **kwargs).result()


def peak_memory_mb() -> float:
    """Return the most memory that this process had resident, in MB (Linux).

    From the kernel's high-water mark of this program: `ru_maxrss` would count its parent too.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit_seconds() -> float:
    """Return how long SQLite takes for one durable commit where temporary files are."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "commits.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE commits (number INTEGER)")
        started = time.perf_counter()
        for number in range(_COMMITS):
            database.execute("INSERT INTO commits VALUES (?)", (number,))
        seconds = time.perf_counter() - started
        database.close()
    return seconds / _COMMITS

"""How long a notebook takes: forked against a kernel of its own, and a backfill against a loop.

The loop is what the same notebook takes by the tools' own commands, one document after another:
`papermill`, then `jupyter nbconvert --to html`. A backfill makes pages, mails and indexes as well.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final
from unittest import mock

from benchmarks.machine import in_fresh_process
from benchmarks.row import Aim, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

AIMS: Final = {
    "notebook_vs_kernel": Aim(
        0.5, "a warm run of a newsletter against one by a fresh kernel", upward=False
    ),
    "backfill": Aim(10, "issues a minute of a backfill against a papermill + nbconvert loop"),
}

_REPOSITORY = Path(__file__).parent.parent
_NOTEBOOK = _REPOSITORY / "notebooks" / "wind_solar.ipynb"
_ROUNDS = 5
_LOOP_ROUNDS = 3
_DAYS = 30


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`."""
    if "notebook_vs_kernel" in names:
        milliseconds = in_fresh_process(race)
        raw: dict[str, JsonValue] = {
            name: [round(each) for each in taken] for name, taken in milliseconds.items()
        }
        ratio = median(milliseconds["fork_ms"]) / median(milliseconds["kernel_ms"])
        yield AIMS["notebook_vs_kernel"].row("notebook_vs_kernel", ratio, raw)
    if "backfill" in names:
        loop = [_papermill_and_nbconvert() for _ in range(_LOOP_ROUNDS)]
        count, seconds, total_seconds = in_fresh_process(backfill)
        raw = {
            "issues": count,
            "issues_a_minute": round(60 * count / seconds),
            "seconds_with_start": round(total_seconds, 1),
            "loop_a_minute": round(60 / median(loop), 1),
            "loop_seconds": [round(each, 2) for each in loop],
        }
        yield AIMS["backfill"].row("backfill", count / seconds * median(loop), raw)


def race() -> dict[str, list[float]]:
    """Return milliseconds of runs in turns; the first of a fork is cold, and beside the others."""
    from flows.notebook import nursery  # noqa: PLC0415 - slow, and in this process only
    from flows.notebook.newsletter import load  # noqa: PLC0415
    from flows.notebook.run import Limits, run  # noqa: PLC0415

    newsletter = load(_NOTEBOOK)
    values: dict[str, JsonValue] = {"event_payload": newsletter.sample.read_text("utf-8")}
    limits = Limits(deadline_seconds=120, memory_mb=4_000, output_mb=16)

    def milliseconds() -> float:
        started = time.perf_counter()
        run(newsletter, values, limits=limits)
        return 1_000 * (time.perf_counter() - started)

    taken: dict[str, list[float]] = {"cold_fork_ms": [milliseconds()], "fork_ms": []}
    taken["kernel_ms"] = []
    for _ in range(_ROUNDS):
        taken["fork_ms"].append(milliseconds())
        with mock.patch.object(nursery, "AVAILABLE", new=False):
            taken["kernel_ms"].append(milliseconds())
    return taken


def backfill() -> tuple[int, float, float]:
    """Return how many issues a backfill made, in how many seconds, and in how many from its start.

    The former begin with the first document that is published, when Prefect's API answers.
    """
    sys.path.append(str(_REPOSITORY / "tests" / "faults"))
    documents = importlib.import_module("year_of_documents")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ["GRIDLETTER_HOME"] = str(home)
        from flows import settings  # noqa: PLC0415 - slow, and in this process only
        from flows.local import backfill_archive  # noqa: PLC0415
        from flows.progress import on_progress  # noqa: PLC0415

        count = documents.write_year(Path(folder) / "documents", _DAYS)
        read_at: list[float] = []
        on_progress.set(
            lambda what, *_: read_at.append(time.perf_counter()) if what == "reading" else None
        )
        started = time.perf_counter()
        outcomes = backfill_archive(
            [str(Path(folder) / "documents")], settings.load(), os.cpu_count() or 1
        )
        ended = time.perf_counter()
    states = {outcome.state for _, outcome in outcomes}
    if states != {"published"}:
        message = f"{count} documents were to be published: {states}"
        raise RuntimeError(message)
    return count, ended - read_at[-1], ended - started


def _papermill_and_nbconvert() -> float:
    """Return the seconds that the tools' own commands take for the newsletter and its sample."""
    binaries = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        executed = Path(folder) / "executed.ipynb"
        commands = (
            [str(binaries / "papermill"), str(_NOTEBOOK), str(executed), "--no-progress-bar"],
            [str(binaries / "jupyter"), "nbconvert", "--to", "html", str(executed)],
        )
        environment = os.environ | {"GRIDLETTER_NOTEBOOK_FILE": str(_NOTEBOOK)}
        started = time.perf_counter()
        for command in commands:
            subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603
        return time.perf_counter() - started

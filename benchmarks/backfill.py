"""A backfill's issues a minute, against a loop of the tools' own commands (see `tools`).

The loop runs them on one document after another. A backfill makes pages, mails and indexes as well.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import tools
from benchmarks.machine import in_fresh_process
from benchmarks.row import Aim, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

AIMS: Final = {
    "backfill": Aim(10, "issues a minute of a backfill against a papermill + nbconvert loop"),
}

_LOOP_ROUNDS = 3
_DAYS = 30


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the row."""
    if "backfill" not in names:
        return
    with tempfile.TemporaryDirectory() as folder:
        loop = [tools.seconds(tools.NOTEBOOK, Path(folder)) for _ in range(_LOOP_ROUNDS)]
    count, seconds, total_seconds = in_fresh_process(backfill)
    raw: dict[str, JsonValue] = {
        "issues": count,
        "issues_a_minute": round(60 * count / seconds),
        "seconds_with_start": round(total_seconds, 1),
        "loop_a_minute": round(60 / median(loop), 1),
        "loop_seconds": [round(each, 2) for each in loop],
    }
    yield AIMS["backfill"].row("backfill", count / seconds * median(loop), raw)


def backfill() -> tuple[int, float, float]:
    """Return how many issues a backfill made, in how many seconds, and in how many from its start.

    The former begin with the first document that is published, when Prefect's API answers.
    """
    sys.path.append(str(tools.REPOSITORY / "tests" / "faults"))
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

"""How long a newsletter's notebook takes: by a fork of the warm zygote, and by a fresh kernel."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Final
from unittest import mock

from benchmarks import tools
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
}

_ROUNDS = 5


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the row."""
    if "notebook_vs_kernel" not in names:
        return
    milliseconds = in_fresh_process(race)
    raw: dict[str, JsonValue] = {
        name: [round(each) for each in taken] for name, taken in milliseconds.items()
    }
    ratio = median(milliseconds["fork_ms"]) / median(milliseconds["kernel_ms"])
    yield AIMS["notebook_vs_kernel"].row("notebook_vs_kernel", ratio, raw)


def race() -> dict[str, list[float]]:
    """Return milliseconds of runs in turns; the first of a fork is cold, and beside the others."""
    from flows.notebook import nursery  # noqa: PLC0415 - slow, and in this process only
    from flows.notebook.newsletter import load  # noqa: PLC0415
    from flows.notebook.run import Limits, run  # noqa: PLC0415

    newsletter = load(tools.NOTEBOOK)
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

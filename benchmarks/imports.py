"""What it takes to import the flow, against `import prefect` alone: in fresh processes, by turns.

What counts is the processor time of each process, from its start to its end, as the kernel has it:
the clock on the wall says more about what else the machine does. The ratio is the median of the
rounds' ratios.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import tools
from benchmarks.row import Aim, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

AIMS: Final = {
    "import": Aim(1.3, "import of the flow against `import prefect` alone", upward=False),
}

_ROUNDS: Final = 7


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`."""
    if "import" not in names:
        return
    ours: list[float] = []
    theirs: list[float] = []
    # Once before, so that both are compiled and in the disk's cache.
    _seconds("flows.publish"), _seconds("prefect")
    for _ in range(_ROUNDS):
        ours.append(_seconds("flows.publish"))
        theirs.append(_seconds("prefect"))
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    yield AIMS["import"].row(
        "import",
        ratio,
        {
            "flow_s": [round(taken, 2) for taken in ours],
            "prefect_s": [round(taken, 2) for taken in theirs],
        },
    )


def _seconds(module: str) -> float:
    """Return the processor time of a process that imports `module`, and nothing else."""
    process = subprocess.Popen(  # noqa: S603 - of this environment
        [sys.executable, "-c", f"import {module}"], cwd=tools.REPOSITORY
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = f"{module} can't be imported"
        raise RuntimeError(message)
    return used.ru_utime + used.ru_stime

"""How much memory one event takes at its peak, all processes together, against the tools' own.

By turns, the commands of `cold`: `gridletter publish` with a Prefect server at hand, which is not
counted, as on ECS; and `papermill`, then `jupyter nbconvert`, of which the larger peak counts. The
memory of a tree is the sum of its processes' proportional set sizes (PSS): a page that a fork
shares with its parent is there once. It is looked at a hundred times a second.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import tools
from benchmarks.row import Aim, Row
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

AIMS: Final = {
    "memory": Aim(1, "peak memory of a realistic event against papermill + nbconvert", upward=False)
}

_ROUNDS: Final = 3
_PAUSE_SECONDS: Final = 0.01
_PSS: Final = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)
_READER: Final = Subscriber("Ada", "ada@reader.example")
_PUBLISH: Final = [str(Path(sys.executable).parent / "gridletter"), "publish", str(tools.SAMPLE)]


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`; its ratio is the median of the rounds' ratios."""
    if "memory" not in names:
        return
    ours: list[float] = []
    theirs: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sys.path.append(str(tools.REPOSITORY / "tests"))
        (folder / "server").mkdir()
        api = stack.enter_context(import_module("prefect_server").serving(folder / "server"))
        told = import_module("serve_rig").environment
        for _ in range(_ROUNDS):
            home, place = (Path(tempfile.mkdtemp(dir=folder)) for _ in range(2))
            open_directory(f"sqlite:///{home / 'ledger.db'}").add([_READER])
            ours.append(peak_mb(_PUBLISH, told(home, PREFECT_API_URL=api)))
            beside = tools.environment(tools.NOTEBOOK)
            commands = tools.commands(tools.NOTEBOOK, place)
            theirs.append(max(peak_mb(command, beside) for command in commands))
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    yield AIMS["memory"].row(
        "memory",
        ratio,
        {
            "gridletter_mb": [round(peak) for peak in ours],
            "papermill_nbconvert_mb": [round(peak) for peak in theirs],
        },
    )


def peak_mb(command: Sequence[str], told: Mapping[str, str]) -> float:
    """Return the most memory (MB) that a command and all that it starts hold at once.

    Raises:
        RuntimeError: it failed.
    """
    peak = 0
    with subprocess.Popen(  # noqa: S603 - commands of this environment
        command,
        env=told,
        cwd=tools.REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peak = max(peak, _tree_kb(process.pid))
            time.sleep(_PAUSE_SECONDS)
    if process.returncode:
        message = f"{command} failed with {process.returncode}"
        raise RuntimeError(message)
    return peak / 1024


def _tree_kb(pid: int) -> int:
    """Return the memory of a process and its descendants in KB; 0 for one that has ended."""
    place = Path(f"/proc/{pid}")
    total = 0
    with suppress(OSError):
        total += int(next(_PSS.finditer((place / "smaps_rollup").read_text("ascii")))[1])
        for children in place.glob("task/*/children"):
            total += sum(_tree_kb(int(child)) for child in children.read_text("ascii").split())
    return total

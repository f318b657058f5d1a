"""The alternative: the tools' own commands, `papermill` and then `jupyter nbconvert`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY: Final = Path(__file__).parent.parent
NOTEBOOK: Final = REPOSITORY / "notebooks" / "wind_solar.ipynb"
SAMPLE: Final = REPOSITORY / "notebooks" / "samples" / "wind_solar_DE_LU.xml"
_BINARIES: Final = Path(sys.executable).parent


def commands(notebook: Path, folder: Path) -> list[list[str]]:
    """Return what is to be called, in order, for `notebook` to become an HTML file in `folder`."""
    executed = str(folder / "executed.ipynb")
    return [
        [str(_BINARIES / "papermill"), str(notebook), executed, "--no-progress-bar"],
        [str(_BINARIES / "jupyter"), "nbconvert", "--to", "html", executed],
    ]


def environment(notebook: Path) -> dict[str, str]:
    """Return the environment for them: a notebook's `desk` is told where it lies."""
    return os.environ | {"GRIDLETTER_NOTEBOOK_FILE": str(notebook)}


def seconds(notebook: Path, folder: Path) -> float:
    """Return how long they take for `notebook` with its own sample."""
    told = environment(notebook)
    return sum(timed(command, told) for command in commands(notebook, folder))


def timed(command: Sequence[str], told: Mapping[str, str]) -> float:
    """Return how long a command takes with what it is `told` as its environment.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    started = time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - commands of this environment
        command, env=told, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - started
    if ended.returncode:
        message = f"{command} failed: {ended.stderr[-2000:]}"
        raise RuntimeError(message)
    return taken

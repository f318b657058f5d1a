"""What git keeps of a notebook: its cells as written, and nothing that it showed.

An analyst's working copy may have outputs where a filter takes them off on their way into git (see
`make lab`). Where there is no such filter, or no git, the file itself must have none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

from flows.check.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILTER: Final = "nbstripout"
_SECONDS: Final = 30
_REMEDY: Final = (
    "Clear the outputs and save; `make lab` sets git up so that it never takes outputs in."
)


def look(path: Path, written: list[dict[str, Any]]) -> Iterator[Finding]:
    """Yield the first cell with an output, in the file or in what git has of it.

    Args:
        path: The notebook's file.
        written: Its cells as they are in the file.
    """
    in_file = None if _is_filtered(path) else _first_shown(written)
    if in_file is not None:
        yield Finding(path.name, in_file, "outputs", "it is saved with what it showed", _REMEDY)
        return
    staged = _git(path, "show", f":./{path.name}")
    in_git = _first_shown(json.loads(staged).get("cells", [])) if staged else None
    if in_git is not None:
        yield Finding(path.name, in_git, "outputs", "git has it with what it showed", _REMEDY)


def _first_shown(cells: list[dict[str, Any]]) -> int | None:
    """Return the index of the first cell that has outputs, or the number of its run."""
    for index, cell in enumerate(cells):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            return index
    return None


def _is_filtered(path: Path) -> bool:
    """Say whether git takes outputs off: a filter that is both named for this file and set up."""
    attribute = _git(path, "check-attr", "-z", "filter", "--", path.name).split("\0")
    return _FILTER in attribute and bool(_git(path, "config", f"filter.{_FILTER}.clean"))


def _git(path: Path, *arguments: str) -> str:
    """Return what git prints, nothing where it fails: no git, no repository, no such file in it."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run(  # noqa: S603 - git's own commands
        [git, "-C", str(path.parent), *arguments],
        capture_output=True,
        check=False,
        timeout=_SECONDS,
        encoding="utf-8",
        errors="replace",
    )
    return done.stdout if done.returncode == 0 else ""

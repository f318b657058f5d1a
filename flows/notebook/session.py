"""What was run in this JupyterLab session: the file on disk is only what was saved last.

A cell counts as it was run where that was after the notebook was saved, else as it was saved.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """A cell's source as it ran last, and when (seconds since the epoch)."""

    source: str
    at: float


@dataclass(frozen=True)
class Cells:
    """A notebook's text with its cells as they stand in the editor, as far as that can be known.

    `unsaved` counts the cells that ran but are not in the file, so that their place is not known.
    """

    text: str
    unsaved: int


_RAN: Final[dict[str, Ran]] = {}


def watch() -> None:
    """Note from now on which cells run, the one that is running included.

    Nothing happens outside IPython. Only a front end that names its cells, as JupyterLab does, lets
    them be told apart.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        shell.events.register("post_run_cell", _note)


def _note(result: Any) -> None:  # noqa: ANN401 - IPython's ExecutionResult
    if result.info is not None and result.info.cell_id is not None:
        _RAN[result.info.cell_id] = Ran(result.info.raw_cell, time.time())


def cells(path: Path, ran: Mapping[str, Ran] = _RAN) -> Cells:
    """Return the notebook at `path` with what ran in place of what was saved before that."""
    text, saved_at = path.read_text(encoding="utf-8"), path.stat().st_mtime
    newer = {cell_id: each.source for cell_id, each in ran.items() if each.at > saved_at}
    content = json.loads(text)
    there = {cell.get("id") for cell in content["cells"]}
    for cell in content["cells"]:
        if cell["cell_type"] == "code" and cell.get("id") in newer:
            cell["source"] = newer[cell["id"]]
    # One that ran before the last save and is not in the file was deleted.
    return Cells(json.dumps(content), len(newer.keys() - there))

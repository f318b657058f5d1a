"""Takes off an executed notebook whatever differs from run to run, for archives compare them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

# ipykernel names a cell's file after its process: <TMPDIR>/ipykernel_<pid>/<hash of the source>.py
_CELL_FILE = re.compile(r"<run>/ipykernel_\d+/\d+\.py")
_ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+")
# It starts nowhere within a path, so that its time grows with the text alone; `[32m` and the like
# end the colour codes of IPython's tracebacks.
_DIRECTORIES = re.compile(r"((?<![\w.+@>~/-])|(?<=\[\d\dm))~?(/[\w.+@-]+)+/(?=[\w.+@-]+\.py\b)")


def settle(notebook: NotebookNode, folder: Path) -> None:
    """Remove times, durations, addresses, process ids and paths from `notebook`, in place.

    `folder` is where it ran; `<run>` stands for it. Tracebacks and warnings keep the names of
    files, without their folders.
    """
    notebook.metadata.pop("papermill", None)
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            _settle_output(output, folder)


def _settle_output(output: NotebookNode, folder: Path) -> None:
    match output.output_type:
        case "stream":
            output.text = _settled(output.text, folder)
            if output.name == "stderr":
                output.text = _DIRECTORIES.sub("", output.text)
        case "error":
            output.evalue = _settled(output.evalue, folder)
            output.traceback = [
                _DIRECTORIES.sub("", _settled(line, folder)) for line in output.traceback
            ]
        case _:
            if "text/plain" in output.data:
                output.data["text/plain"] = _settled(output.data["text/plain"], folder)


def _settled(text: str, folder: Path) -> str:
    text = text.replace(str(folder.resolve()), "<run>").replace(str(folder), "<run>")
    return _ADDRESS.sub("0x…", _CELL_FILE.sub("<cell>", text))

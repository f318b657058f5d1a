"""Builds newsletters for tests: notebooks with a header, a parameters cell and given sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_raw_cell

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """\
title: Example
listens_to:
  document_type: A69
  zones: all
sample: sample.xml
"""
PARAMETERS = 'event_payload: str = ""'


def write(
    folder: Path,
    *sources: str,
    name: str = "example",
    header: str = HEADER,
    parameters: str = PARAMETERS,
    kernel: str = "python3",
) -> Path:
    """Write a notebook with one code cell for each of `sources`, and its sample; return its path.

    The cells are: 0 the header (YAML without its fences), 1 the parameters, 2 … the sources; in
    an executed notebook papermill's cell of injected values comes in between, as cell 2. `kernel`
    is the kernelspec's name: any but the default has a kernel of its own, not a fork.
    """
    cells = [new_raw_cell(f"---\n{header}---"), new_code_cell(parameters)]
    cells[1].metadata.tags = ["parameters"]
    cells += [new_code_cell(source) for source in sources]
    for index, cell in enumerate(cells):
        cell.id = f"cell-{index}"
    path = folder / f"{name}.ipynb"
    kernelspec = {"name": kernel, "display_name": "Python", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)
    (folder / "sample.xml").write_text("<Document/>")
    return path

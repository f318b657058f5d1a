"""Notebooks with one fault each, for the check to find."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from documents import document, series
from flows.check import check
from flows.notebook.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from flows.check import Finding

LIMITS = Limits(deadline_seconds=60, memory_mb=4096, output_mb=16)
HEADER = """\
---
title: Example
listens_to:
  document_type: A69
  zones: [DE_LU]
sample: sample.xml
---"""
PARAMETERS = "event_payload: str = desk.sample()"
READ = (
    "from flows import desk\ndocument = desk.read(event_payload)\nvalues = desk.by_type(document)"
)
SAY = 'desk.headline(f"{len(values)} values")'
FIGURE = "figure, axes = desk.chart(2.0)\naxes.plot([1, 2])\n"
FRAME = "import pandas as pd\n"
OUTPUT = {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]}


def cell(kind, source, *tags, **more):
    of_code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {"tags": [*tags]}, "source": source, **of_code, **more}


@dataclass
class Mutant:
    """A notebook with one fault, and what has to be found: code, cell, and part of what is said.

    Cells: 0 the header, 1 the import, 2 the parameters, 3 reading, 4 the headline, 5 `last`.
    """

    code: str
    cell: int | None
    says: str
    header: str = HEADER
    parameters: str = PARAMETERS
    read: str = READ
    say: str = SAY
    last: str = "None"
    sample: str = ""
    case: str = ""
    kernel: str = "python3"
    cells: dict = field(default_factory=dict)

    def write(self, folder, name):
        cells = [
            cell("raw", self.header),
            cell("code", "from flows import desk"),
            cell("code", self.parameters, "parameters"),
            cell("code", self.read),
            cell("code", self.say),
            cell("code", self.last),
        ]
        for index, changed in self.cells.items():
            cells[index] |= changed
        path = folder / f"{name}.ipynb"
        named = {"name": self.kernel, "display_name": "Python", "language": "python"}
        whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": named}}
        path.write_text(json.dumps(whole | {"cells": cells}))
        return path


def header(*lines, of=HEADER):
    return of.replace("sample: sample.xml", "\n".join(["sample: sample.xml", *lines]))


def own(name, value):
    """A header with a parameter of the analyst's own."""
    return header("parameters:", f"  {name}: {value}")


def findings(mutants: dict[str, Mutant], folder: Path) -> dict[str, list[Finding]]:
    """Check all mutants at once; return what was found by their names.

    A sample that is not the mutant's own has one value for a day, of which no edge case is made.
    """
    plain = document(series([5], resolution="P1D"))
    paths = []
    for name, mutant in mutants.items():
        (folder / name).mkdir()
        (folder / name / "sample.xml").write_text(mutant.sample or plain, encoding="utf-8")
        paths.append(mutant.write(folder / name, f"m_{name}"))
    found: dict[str, list[Finding]] = {name: [] for name in mutants}
    for finding in check(paths, LIMITS).findings:
        found[finding.notebook.removeprefix("m_").removesuffix(".ipynb")].append(finding)
    return found


def assert_found(mutant: Mutant, found: list[Finding]) -> None:
    """Hold what was found against the one fault of `mutant`."""
    (finding,) = found
    assert (finding.code, finding.cell, finding.case) == (
        mutant.code,
        mutant.cell,
        mutant.case or finding.case,
    )
    assert mutant.says in finding.what
    assert finding.remedy
    assert "\n" not in finding.as_line()

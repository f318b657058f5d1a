"""Runs a newsletter's cells in this process: what a kernel would do, without the seconds it takes.

shown = cells.run("wind_solar", event_payload=xml)
shown.headline.text, shown.kpis["Solar"].text, shown.tables["By type"][0]
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from flows import desk
from flows.notebook import parts

if TYPE_CHECKING:
    from flows.notebook.parts import Figure, Headline, Kpi, Part

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SAMPLES = NOTEBOOKS / "samples"


@dataclass(frozen=True)
class Shown:
    """What a notebook showed, in order, and the variables that it left."""

    parts: tuple[Part, ...]
    variables: dict[str, Any]

    def _all(self, name: str) -> list[Any]:
        return [part for part in self.parts if part.part == name]

    @cached_property
    def headline(self) -> Headline:
        """The one headline."""
        (only,) = self._all("headline")
        return only

    @cached_property
    def kpis(self) -> dict[str, Kpi]:
        """The tiles by label."""
        return {kpi.label: kpi for row in self._all("kpis") for kpi in row.items}

    @cached_property
    def figures(self) -> list[Figure]:
        """The charts."""
        return self._all("figure")

    @cached_property
    def tables(self) -> dict[str, list[dict[str, str]]]:
        """The tables by caption (up to its first comma): a dict for each row, by column label."""
        return {
            table.caption.partition(",")[0]: [
                dict(zip([column.label for column in table.columns], row, strict=True))
                for row in table.rows
            ]
            for table in self._all("table")
        }

    @cached_property
    def notes(self) -> list[str]:
        """The texts of the notes."""
        return [note.text for note in self._all("note")]

    @cached_property
    def skipped(self) -> str | None:
        """Why the notebook skipped the issue; None where it did not."""
        return next((part.reason for part in self._all("skip")), None)


def run(name: str, **parameters: object) -> Shown:
    """Run the notebook `name` from top to bottom with `parameters` in place of its defaults."""
    path = NOTEBOOKS / f"{name}.ipynb"
    publisher = CapturingDisplayPublisher()
    variables: dict[str, Any] = {"__name__": "__main__"}
    with (
        mock.patch.dict("os.environ", {desk.NOTEBOOK_FILE_VARIABLES[0]: str(path)}),
        mock.patch.object(InteractiveShell.instance(), "display_pub", publisher),
    ):
        try:
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    code = compile("".join(cell["source"]), f"{name}#{cell['id']}", "exec")
                    exec(code, variables)  # noqa: S102 - the project's own notebook
                if "parameters" in cell["metadata"].get("tags", ()):
                    variables |= parameters
        except desk.SkipIssue:
            pass
    shown = [parts.load(output["data"][parts.MIME]) for output in publisher.outputs]
    return Shown(tuple(shown), variables)

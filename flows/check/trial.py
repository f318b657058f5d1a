"""One run of a notebook on one case: how it ended, and what it would show its readers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import nbformat

from flows import issue as issues
from flows.check import shown
from flows.check.finding import Finding
from flows.errors import NotebookError, RenderError, one_line
from flows.notebook.parts import LONGEST_HEADLINE
from flows.notebook.run import run as run_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

    from flows.check.cases import Case
    from flows.check.finding import Code
    from flows.notebook.limits import Limits
    from flows.notebook.newsletter import Newsletter

MARK: Final = "asked for the network:"
"""What `watched` writes into the output of a cell that asks for another host."""
_INJECTED: Final = "injected-parameters"  # papermill's tag
_REFUSED: Final = re.compile(r"validation errors? for (\w+)\n(\S+)\n\s*(.+)")
_SAVE_AGAIN: Final = "Open it in JupyterLab and save it again."
_NO_NETWORK: Final = (
    "Take everything from the event and the other parameters: a flow looks up what `needs` names."
)


@dataclass(frozen=True)
class _Run:
    """Which notebook and case findings are about."""

    newsletter: Newsletter
    case: Case

    def finding(self, cell: int | None, code: Code, what: str, remedy: str) -> Finding:
        name = self.case.name
        return Finding(self.newsletter.path.name, cell, code, one_line(what), remedy, name)


def run(newsletter: Newsletter, case: Case, limits: Limits) -> list[Finding]:
    """Run `newsletter` on `case` and return what is wrong with that."""
    trial = _Run(newsletter, case)
    try:
        executed = run_notebook(newsletter, case.values, limits=limits)
    except NotebookError as error:
        return list(_failed(trial, error))
    except nbformat.ValidationError as error:
        return [trial.finding(None, "contract", f"it is no valid notebook: {error}", _SAVE_AGAIN)]
    return list(_ended(trial, executed.notebook, executed.skip_reason))


def _failed(trial: _Run, error: NotebookError) -> Iterator[Finding]:
    """Say which cell failed and why; a cell that asked for the network failed for that."""
    executed, at = error.data.get("executed"), error.data.get("cell")
    asked: list[Finding] = []
    cell = at if isinstance(at, int) else None
    if executed is not None:
        asked = list(_asked(trial, executed))  # type: ignore[arg-type]  # a NotebookNode
        cell = None if cell is None else as_written(executed, cell)  # type: ignore[arg-type]
    yield from asked
    if cell is None or cell not in {finding.cell for finding in asked}:
        yield _why(trial, cell, error)


def _why(trial: _Run, cell: int | None, error: NotebookError) -> Finding:
    refused = _REFUSED.search(str(error.data.get("evalue", "")))
    if error.data.get("ename") == "TypeError" and "'alt'" in str(error.data.get("evalue")):
        return trial.finding(cell, "alt", "a figure has no alternative text", shown.SAY_IT)
    if error.data.get("ename") != "ValidationError" or refused is None:
        what = error.what.partition(": ")[2] or error.what
        return trial.finding(cell, "run", what, error.remedy)
    part, field, message = refused.groups()
    match part, field:
        case "Headline", "text":
            remedy = f"Make it one line of 1 to {LONGEST_HEADLINE} characters, in every case."
            return trial.finding(cell, "headline", f"the headline is refused: {message}", remedy)
        case "Figure", "alt":
            return trial.finding(cell, "alt", "a figure has no alternative text", shown.SAY_IT)
    what = f"desk refuses the {field} of a {part}: {message}"
    return trial.finding(cell, "part", what, "Show less, or shorten it.")


def _ended(trial: _Run, notebook: NotebookNode, skip_reason: str | None) -> Iterator[Finding]:
    """Look at a notebook that ran to its end: network, skip, and what readers would be shown."""
    yield from _asked(trial, notebook)
    if skip_reason is not None:
        if trial.case.is_sample:
            remedy = "Name a sample of which an issue comes, or mend the condition."
            what = f"it skips its own sample: {skip_reason}"
            yield trial.finding(_skipping(notebook), "skip", what, remedy)
        return
    letter, case = trial.newsletter, trial.case
    try:
        issue, rendering = issues.render(
            letter, case.document, notebook, case.values, page_url="https://news.example/{}".format
        )
    except RenderError as error:
        is_missing = "no headline" in error.what
        code: Code = "headline" if is_missing else "mail" if "bytes" in error.data else "part"
        heavy = shown.heaviest(notebook) if code == "mail" else None
        cell = None if heavy is None else as_written(notebook, heavy)
        yield trial.finding(cell, code, error.what, error.remedy)
        return
    for problem in shown.look(issue, rendering, notebook):
        cell = None if problem.cell is None else as_written(notebook, problem.cell)
        yield trial.finding(cell, problem.code, problem.what, problem.remedy)


def _asked(trial: _Run, notebook: NotebookNode) -> Iterator[Finding]:
    """Yield each cell that asked for the network, whether it took the refusal or not."""
    for index, cell in enumerate(notebook.cells):
        printed = "".join(output.get("text", "") for output in cell.get("outputs", ()))
        if MARK in printed:
            asked = printed.partition(MARK)[2].partition("\n")[0].strip()
            at = as_written(notebook, index)
            yield trial.finding(at, "network", f"it asks for the network: {asked}", _NO_NETWORK)


def _skipping(notebook: NotebookNode) -> int | None:
    """Return the cell that skipped, as written: the last that ran."""
    ran = [
        index
        for index, cell in enumerate(notebook.cells)
        if cell.get("execution_count") is not None
    ]
    return as_written(notebook, ran[-1]) if ran else None


def as_written(notebook: NotebookNode, cell: int) -> int:
    """Return the index that `cell` of an executed notebook has in the notebook as written."""
    injected = sum(
        _INJECTED in other.metadata.get("tags", ()) for other in notebook.cells[: cell + 1]
    )
    return cell - injected

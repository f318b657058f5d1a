"""Runs one newsletter on one document: parameters in, the executed notebook or an error out."""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode

from flows.errors import NotebookError, one_line
from flows.notebook import nursery, parts
from flows.notebook.limits import Limits
from flows.notebook.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from flows.notebook.newsletter import Newsletter

__all__ = ["Executed", "Limits", "run"]

# Without a handler, Python prints the warnings of papermill and nbclient on standard error; what
# matters of them comes back as an error here.
logging.getLogger("papermill").addHandler(logging.NullHandler())


def _papermill(notebook: NotebookNode, **options: object) -> NotebookNode:
    from papermill.execute import execute_notebook  # noqa: PLC0415 - see `run`

    executed: NotebookNode = execute_notebook(  # type: ignore[no-untyped-call]
        notebook, output_path=None, **options
    )
    return executed


@dataclass(frozen=True)
class Executed:
    """A notebook that ran to its end, or to where it chose to skip this issue."""

    notebook: NotebookNode
    skip_reason: str | None


def run(
    newsletter: Newsletter,
    parameters: Mapping[str, JsonValue],
    *,
    limits: Limits,
    execute: Callable[..., NotebookNode] = _papermill,
) -> Executed:
    """Run `newsletter` with `parameters` beside those of its header, and return what came of it.

    The kernel is a process of this Python, without this process's secrets, in a folder of its own
    that is removed afterwards. That and the limits guard against accidents, not against malice: a
    notebook may do whatever the user may who runs it. The executed notebook holds nothing that
    differs from run to run: no times, process ids, addresses or paths.

    Args:
        newsletter: what to run; its cells are those that were read with it.
        parameters: values by name; JSON values only, names that the parameters cell declares.
        limits: what the run may take.
        execute: papermill's `execute_notebook`, or prefect-jupyter's task of that name.

    Raises:
        NotebookError: a parameter can't be injected, or the notebook did not run to its end;
            `data` is as its class says, `cell` counting papermill's injected cell too.
    """
    values = _checked(newsletter, {**newsletter.parameters, **parameters})
    nursery.warm()
    # papermill brings clients of every cloud: whoever runs nothing does not wait for it, and the
    # first run does while the zygote imports what the notebook needs.
    from flows.notebook import engine  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="gridletter-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            notebook = execute(
                _source(newsletter),
                parameters=values,
                kernel_name="python3",
                language="python",
                engine_name=engine.NAME,
                progress_bar=False,
                run=engine.Run(newsletter.name, newsletter.path, folder, limits),
            )
        except NotebookError as error:
            if isinstance(executed := error.data.get("executed"), NotebookNode):
                settle(executed, folder)
            raise
        settle(notebook, folder)
    return Executed(notebook, _skip_reason(notebook))


def _source(newsletter: Newsletter) -> NotebookNode:
    """Return the notebook as it was written, without what it showed when it was saved."""
    content = json.loads(newsletter.text)
    content.setdefault("metadata", {})
    # Cells have ids from 4.5 on; given here, no library makes up random ones.
    content["nbformat_minor"] = max(5, content.get("nbformat_minor", 0))
    for index, cell in enumerate(content["cells"]):
        cell["id"] = f"cell-{index}"
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    notebook: NotebookNode = nbformat.reads(  # type: ignore[no-untyped-call]
        json.dumps(content), as_version=4
    )
    return notebook


def _checked(newsletter: Newsletter, values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: _checked_value(newsletter, name, value) for name, value in values.items()}


def _checked_value(newsletter: Newsletter, name: str, value: JsonValue) -> JsonValue:
    if name not in newsletter.declared:
        raise _refused(
            newsletter,
            f"the parameter {name!r} is not declared",
            "Assign it in the cell tagged `parameters`.",
        )
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()  # no lone surrogates
        plain: JsonValue = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"the parameter {name!r} is no JSON value: {one_line(error, 200)}"
        raise _refused(newsletter, problem, "Pass text, finite numbers, lists, dicts.") from error
    if plain != value:  # a tuple, a key that is no text
        problem = f"the parameter {name!r} would change when written as JSON"
        raise _refused(newsletter, problem, "Pass lists for tuples, and text as keys.")
    return plain


def _refused(newsletter: Newsletter, problem: str, remedy: str) -> NotebookError:
    return NotebookError(
        f"{newsletter.name}: {problem}",
        remedy=remedy,
        newsletter=newsletter.name,
        cell=None,
        ename="",
        evalue="",
        executed=None,
    )


def _skip_reason(notebook: NotebookNode) -> str | None:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            part = output.get("data", {}).get(parts.MIME)
            if isinstance(part, dict) and part.get("part") == "skip":
                return one_line(part.get("reason", ""))
    return None

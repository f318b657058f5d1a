"""What an executed notebook shows, held against what a mail can carry and readers need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import nbformat.v4

from flows.check import support
from flows.issue import content as contents
from flows.issue import mail
from flows.issue.clip import clip
from flows.issue.content import Chart, Content, Foreign, Prose
from flows.notebook.parts import MIME, Headline, dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

    from flows.check.finding import Code
    from flows.issue import Issue, Rendering

SHORTEST_ALT: Final = 12
SAY_IT: Final = 'Say in words what the chart shows: desk.figure(figure, alt="…").'
_SMALLER: Final = (
    f"Show at most {mail.FULL.rows} rows and {mail.FULL.columns} columns, or tag the cell `hide`."
)


@dataclass(frozen=True)
class Problem:
    """Something to mend in `cell` of the executed notebook; see `Finding`."""

    cell: int | None
    code: Code
    what: str
    remedy: str


def look(issue: Issue, rendering: Rendering, notebook: NotebookNode) -> Iterator[Problem]:
    """Yield what is wrong with the issue that came of `notebook`, with the cell it is from."""
    cells = dict(_by_cell(notebook))
    for index, content in cells.items():
        for block in content.blocks:
            if isinstance(block, Chart) and _says_nothing(notebook.cells[index], block):
                yield Problem(index, "alt", "a chart has no alternative text", SAY_IT)
            if told := clip(block, mail.FULL).left_out:
                yield Problem(index, "mail", f"the mail can't carry a table: {told}", _SMALLER)
    size = mail.full_bytes(issue, rendering.content, None, _page_url)
    if size > mail.BUDGET_BYTES:
        yield Problem(
            heaviest(notebook),
            "mail",
            f"the mail would have {size:,} bytes of HTML, {mail.BUDGET_BYTES:,} is the most",
            "Show less in this cell, or tag it `hide`; the page's notebook keeps it.",
        )
    for feature in support.unsupported(rendering.mail_html):
        yield Problem(
            _origin(feature, cells),
            "support",
            f"{feature.title} does not show in {', '.join(feature.clients)}",
            f"Do without it; {feature.url} says who supports what.",
        )


def heaviest(notebook: NotebookNode) -> int | None:
    """Return the cell that shows the most HTML; None where no cell shows any."""
    sizes = {
        index: sum(len(output.get("data", {}).get("text/html", "")) for output in cell.outputs)
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    }
    heavy = max(sizes, key=sizes.__getitem__, default=None)
    return heavy if heavy is not None and sizes[heavy] else None


def _page_url(path: str) -> str:
    return f"https://news.example/{path}"


def _by_cell(notebook: NotebookNode) -> Iterator[tuple[int, Content]]:
    """Yield (index, content) of each cell that shows readers something, as if it were alone."""
    headline = nbformat.v4.new_code_cell(  # type: ignore[no-untyped-call]
        outputs=[
            nbformat.v4.new_output(  # type: ignore[no-untyped-call]
                "display_data", {MIME: dump(Headline(text="Headline"))}
            )
        ]
    )
    for index, cell in enumerate(notebook.cells):
        alone = nbformat.v4.new_notebook(cells=[headline, cell])  # type: ignore[no-untyped-call]
        content = contents.read(alone, str(index))
        if content.blocks:
            yield index, content


def _says_nothing(cell: NotebookNode, chart: Chart) -> bool:
    """Say whether a chart's text is too short to say anything, or was made up for want of one."""
    made_up = not any(
        MIME in output.get("data", {}) or output.get("metadata", {}).get("image/png", {}).get("alt")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    )
    return made_up or len(chart.image.alt.strip()) < SHORTEST_ALT


def _origin(feature: support.Feature, cells: dict[int, Content]) -> int | None:
    """Return the first cell that brings `feature` by its own HTML; None if it is a template's."""
    for index, content in cells.items():
        for block in content.blocks:
            if isinstance(block, Foreign | Prose) and feature in support.used(block.html):
                return index
    return None

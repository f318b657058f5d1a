"""What a notebook imports: read a document, then say what readers should know.

    from flows import desk

    event_payload: str = desk.sample()             # in the parameters cell
    document = desk.read(event_payload)
    megawatts = desk.by_type(document)             # zone-local, one column a production type
    desk.headline("Solar peaks at 41 GW", lede="…")
    desk.kpis(desk.kpi("Peak", 41.2, "GW", note="at 13:15"), …)
    figure, axes = desk.chart()
    desk.figure(figure, alt="Step chart of …")
    desk.table(frame, caption="…")
    desk.skip("under the threshold")               # no issue this time

    desk.preview()                                 # in a last cell: mail and page, in JupyterLab

The calls that show something record it for the page and the mail, and show it in JupyterLab.

What there is, and where it is made:
- read (here): sample, read, read_optional
- JupyterLab (preview/lab.py): preview, documents
- series on one zone-local grid (notebook/reading.py): by_type, single, hourly, hourly_change,
  energy_gwh, missing_hours, highest, lowest, steepest, block, step_hours, Span
- words (notebook/amounts.py, words.py): number, power, energy, hours, MISSING; at, when, clock,
  day, period, issued, process, production_type
- charts (notebook/draw.py, style.py, theme.py): chart, line, area, steps, time_axis, label_lines,
  label_span, colour, ACCENT, CONTRAST
- parts (notebook/show.py): headline, kpi, kpis, figure, table, note, caveats, skip
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import document as _document
from flows.errors import DocumentError, NewsletterError
from flows.notebook import environment as _environment
from flows.notebook import newsletter as _newsletter
from flows.notebook import nursery as _nursery
from flows.notebook import session as _session
from flows.notebook import style, theme
from flows.notebook.amounts import MISSING, energy, hours, number, power
from flows.notebook.draw import area, label_lines, label_span, line, steps, time_axis
from flows.notebook.reading import (
    Span,
    block,
    by_type,
    energy_gwh,
    highest,
    hourly,
    hourly_change,
    lowest,
    missing_hours,
    single,
    steepest,
    step_hours,
)
from flows.notebook.show import (
    SkipIssue,
    caveats,
    figure,
    headline,
    kpi,
    kpis,
    note,
    skip,
    table,
)
from flows.notebook.words import (
    at,
    clock,
    day,
    issued,
    period,
    process,
    production_type,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from flows.document import MarketDocument

__all__ = [
    "ACCENT",
    "CONTRAST",
    "MISSING",
    "SkipIssue",
    "Span",
    "area",
    "at",
    "block",
    "by_type",
    "caveats",
    "chart",
    "clock",
    "colour",
    "day",
    "documents",
    "energy",
    "energy_gwh",
    "figure",
    "headline",
    "highest",
    "hourly",
    "hourly_change",
    "hours",
    "issued",
    "kpi",
    "kpis",
    "label_lines",
    "label_span",
    "line",
    "lowest",
    "missing_hours",
    "note",
    "number",
    "period",
    "power",
    "preview",
    "process",
    "production_type",
    "read",
    "read_optional",
    "sample",
    "single",
    "skip",
    "steepest",
    "step_hours",
    "steps",
    "table",
    "time_axis",
    "when",
]

NOTEBOOK_FILE_VARIABLES = (_environment.NOTEBOOK_FILE, "JPY_SESSION_NAME")
"""Where the flow, and where Jupyter's server, tells a kernel the file of its notebook."""
ACCENT, CONTRAST = theme.ACCENT, theme.CONTRAST
"""Colours for series that are no production type: what matters, and what it is held against."""


def sample() -> str:
    """Return the market document that the notebook's header names as its sample, as XML text.

    Raises:
        NewsletterError: the notebook can't be found, or its header names no readable sample.
    """
    path = _newsletter.load(_this_notebook()).sample
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NewsletterError(
            f"the sample {path.name} can't be read: {error}",
            remedy="Put the file where the header's `sample:` says.",
            path=str(path),
        ) from error


def read(payload: str) -> MarketDocument:
    """Return the one market document in `payload` (XML text); see `MarketDocument.frame`.

    Raises:
        DocumentError: malformed, an acknowledgement, empty, or about several bidding zones.
    """
    documents = _document.read(payload)
    if not isinstance(documents, tuple) or len(documents) != 1:
        raise DocumentError(
            "the payload is not one market document of one bidding zone",
            remedy="Pass one document: the flow splits messages before a notebook sees them.",
        )
    return documents[0]


def read_optional(payload: str) -> MarketDocument | None:
    """Return the document in `payload`, or None where the flow had none to give (`""`)."""
    return read(payload) if payload else None


def colour(code: str) -> str:
    """Return the colour of a production type, the same in every newsletter and on both grounds."""
    return theme.COLOURS.get(code, theme.OTHER)


def chart(height_in: float = 3.6, panels: int = 1, **options: Any) -> tuple[Figure, Any]:  # noqa: ANN401 - matplotlib's
    """Return a figure in the newsletter's style, 6.4 inches (640 CSS px) wide, and its axes.

    Args:
        height_in: The figure's height in inches, 100 CSS px each.
        panels: Charts above one another; with more than one, an array of axes is returned.
        options: Handed on to `matplotlib.figure.Figure.subplots`.
    """
    return style.figure(height_in, panels, **options)


def preview() -> None:
    """Show the mail (640 and 360 px, light and dark) and the page that this notebook makes.

    Call it in a last cell. The notebook is run again as the flow runs it, with the parameters'
    present values, and what is shown is what would be sent. In the flow this does nothing.

    Raises:
        NewsletterError: the notebook can't be found.
    """
    if _in_flow():
        return
    _nursery.warm()  # while this kernel imports what pages and mails are made by
    from IPython import get_ipython  # noqa: PLC0415 - only a running notebook has it loaded
    from IPython.display import HTML, display  # noqa: PLC0415 - the same

    shell = get_ipython()
    shown = _lab().preview(_this_notebook(), {} if shell is None else shell.user_ns)
    display(HTML(shown))  # type: ignore[no-untyped-call]


def documents(zone: str, type: str) -> Sequence[str]:  # noqa: A002 - the header's `document_type`
    """Return archived market documents as XML text, newest first, to run the notebook on.

    In the cell tagged `parameters`, `desk.documents(zone="DE_LU", type="A69")[3]` in place of
    `desk.sample()` takes the fourth-newest. JupyterLab shows what there is as a table.

    Args:
        zone: The bidding zone's code or EIC.
        type: The document type: A44, A69 …

    Raises:
        NewsletterError: a flow runs this; it has no history.
        StorageError: there is no archive, or it can't be read.
    """
    if _in_flow():
        raise NewsletterError(
            "desk.documents is for JupyterLab: a flow has no history",
            remedy="Put desk.sample() back into the cell tagged `parameters`.",
        )
    found: Sequence[str] = _lab().documents(zone, type)
    return found


def _lab() -> Any:  # noqa: ANN401 - a module
    """Return what stands behind `preview` and `documents`.

    Pages, mails and the archive are made of what notebooks say, so they import this module's side
    and it must not import theirs. Only an analyst's session calls them from here.
    """
    return importlib.import_module("flows.preview.lab")


def _in_flow() -> bool:
    return _environment.NOTEBOOK_FILE in os.environ


def _this_notebook() -> Path:
    """Return the running notebook's file: the flow names it, and so does Jupyter's server."""
    for variable in NOTEBOOK_FILE_VARIABLES:
        path = Path(os.environ.get(variable, ""))
        if path.suffix == ".ipynb" and path.is_file():
            return path.resolve()
    raise NewsletterError(
        "this notebook does not know its own file",
        remedy="Open it in JupyterLab (restart the kernel after renaming it) or run the flow.",
    )


if not _in_flow():
    _session.watch()

"""Parts of a newsletter, shown in the notebook and recorded in its outputs for rendering.

Each call displays one MIME bundle: the part itself, and what JupyterLab shows in its place.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import pandas as pd

from flows.notebook import parts, plotted, style
from flows.notebook.amounts import MISSING, compact, hours, number
from flows.notebook.reading import missing_hours, step_hours

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from matplotlib.figure import Figure

    from flows.document import MarketDocument

_INTERMEDIATE: Final = "A01"


class SkipIssue(Exception):
    """Ends a notebook that has nothing to say; raised by `skip` alone."""

    def _render_traceback_(self) -> list[str]:
        return [f"No issue: {self}"]


def headline(text: str, lede: str = "") -> None:
    """Set the issue's headline, which is also the mail's subject (at most 80 characters)."""
    _show(parts.Headline(text=text, lede=lede), f"<h1>{_escape(text)}</h1><p>{_escape(lede)}</p>")


def kpi(
    label: str, value: float | str | None, unit: str = "", *, digits: int = 1, note: str = ""
) -> parts.Kpi:
    """Return one figure for `kpis`; a missing `value` shows as `n/a`, never as 0.

    A `value` that is no number (`Fri 26 Jun`) is shown as it stands.
    """
    if isinstance(value, str):
        return parts.Kpi(label=label, value=None, text=value, unit=unit, note=note)
    if value is None or not math.isfinite(value):
        return parts.Kpi(label=label, value=None, text=MISSING, note=note)
    return parts.Kpi(
        label=label, value=float(value), text=number(value, digits), unit=unit, note=note
    )


def kpis(*items: parts.Kpi) -> None:
    """Show one to six figures as tiles."""
    cells = "".join(
        f"<td><small>{_escape(k.label)}</small><br><b>{_escape(k.text)}</b> {_escape(k.unit)}"
        f"<br><small>{_escape(k.note)}</small></td>"
        for k in items
    )
    _show(parts.Kpis(items=items), f"<table><tr>{cells}</tr></table>")


def figure(drawn: Figure, alt: str, caption: str = "") -> None:
    """Show a figure; `alt` says in words what it shows, for readers who do not see it."""
    images = style.render(drawn)
    part = parts.Figure(
        alt=alt,
        caption=caption,
        width_px=images.width_px,
        height_px=images.height_px,
        light_png=images.light_png_base64,
        dark_png=images.dark_png_base64,
        data=plotted.read(drawn),
    )
    _show(part, {"image/png": images.light_png_base64.decode()}, width_px=images.width_px)


def table(
    frame: pd.DataFrame,
    caption: str = "",
    *,
    digits: int | Mapping[str, int] = 1,
    signed: Collection[str] = (),
) -> None:
    """Show `frame` (its columns only: reset the index to keep it) as a table.

    Args:
        frame: Numbers are formatted by `number`; everything else by `str`; missing is `n/a`.
        caption: One line above the table.
        digits: Decimal places, for all columns or by column.
        signed: Columns of changes, in which a rise has its plus sign.
    """
    columns, texts = [], []
    for label in frame.columns:
        values = frame[label]
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        places = digits if isinstance(digits, int) else digits.get(str(label), 1)
        columns.append(parts.Column(label=str(label), numeric=numeric))
        texts.append(
            [
                number(float(v), places, sign=label in signed)
                if numeric and not pd.isna(v)
                else _text(v)
                for v in values
            ]
        )
    part = parts.Table(
        caption=caption, columns=tuple(columns), rows=tuple(zip(*texts, strict=True))
    )
    head = "".join(f"<th>{_escape(c.label)}</th>" for c in part.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_escape(cell)}</td>" for cell in row) + "</tr>" for row in part.rows
    )
    _show(part, f"<table><caption>{_escape(caption)}</caption><tr>{head}</tr>{body}</table>")


def note(text: str, *, warning: bool = False) -> None:
    """Show a sentence that readers should not miss, as a warning where figures are doubtful."""
    _show(parts.Note(text=text, level="warning" if warning else "info"), f"<p>{_escape(text)}</p>")


def caveats(document: MarketDocument, values: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Note what readers should know before they trust `values`: provisional, or with holes.

    Args:
        document: An intermediate one (docStatus A01) is provisional.
        values: One column a series, on a grid.
        names: The name of each column for readers.
    """
    if document.status == _INTERMEDIATE:
        note("Provisional: the platform marks this document as intermediate.", warning=True)
    whole = len(values) * step_hours(values)
    for column, name in names.items():
        missing = missing_hours(values[column])
        if missing:
            note(
                f"{name}: no value for {compact(missing)} of {hours(whole)}; sums and means leave "
                "these out.",
                warning=True,
            )


def skip(reason: str) -> NoReturn:
    """End the notebook without an issue; `reason` goes to the operator, nothing to readers.

    Raises:
        SkipIssue: always.
    """
    _show(parts.Skip(reason=reason), f"<p>{_escape(reason)}</p>")
    raise SkipIssue(reason)


def _show(part: parts.Part, shown: str | dict[str, str], width_px: int | None = None) -> None:
    """Display `part` and, for JupyterLab, `shown`: HTML or another MIME bundle."""
    from IPython.display import display  # noqa: PLC0415 - only a running notebook has it loaded

    for_lab = {"text/html": shown} if isinstance(shown, str) else shown
    display(  # type: ignore[no-untyped-call]
        {parts.MIME: parts.dump(part), **for_lab},
        raw=True,
        metadata={"image/png": {"width": width_px}} if width_px else None,
    )


def _text(value: object) -> str:
    missing = pd.api.types.is_scalar(value) and pd.isna(cast("Any", value))
    return MISSING if missing else str(value)


def _escape(text: str) -> str:
    return html.escape(text)

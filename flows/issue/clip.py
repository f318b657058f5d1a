"""Blocks cut to what a mail can carry; what was left out is said, and is on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import html as lxml_html

from flows.issue import sanitize
from flows.issue.content import Foreign, Preformatted, Prose
from flows.notebook.parts import Table

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from flows.issue.content import Block

_LONGEST_CELL = 200
_SPAN_DIGITS = 3


@dataclass(frozen=True)
class Limits:
    """How much of a block stays: table rows or lines of text, columns, and prose at all."""

    rows: int
    columns: int = 6
    prose: bool = True


@dataclass(frozen=True)
class Clipped:
    """A block as far as it stays, None where nothing does; `left_out` says what the page has."""

    block: Block | None
    left_out: str = ""


def clip(block: Block, limits: Limits) -> Clipped:
    """Return `block` within `limits`."""
    match block:
        case Table():
            return _table(block, limits)
        case Foreign():
            return _foreign(block, limits)
        case Preformatted():
            return _preformatted(block, limits)
        case Prose() if not limits.prose:
            return Clipped(None, "More text is on the page")
    return Clipped(block)


def _table(table: Table, limits: Limits) -> Clipped:
    if not limits.rows:
        return Clipped(None, table.caption or "A table is on the page")
    kept = Table(
        caption=table.caption,
        columns=table.columns[: limits.columns],
        rows=tuple(
            tuple(_short(cell) for cell in row[: limits.columns])
            for row in table.rows[: limits.rows]
        ),
    )
    return Clipped(kept, left_out(len(table.rows), len(table.columns), limits))


def left_out(rows: int, columns: int, limits: Limits) -> str:
    """Return what to say about a table of `rows` and `columns` within `limits`, if it is cut."""
    counts = [f"{rows} rows"] if rows > limits.rows else []
    counts += [f"{columns} columns"] if columns > limits.columns else []
    return f"All {' and '.join(counts)} are on the page" if counts else ""


def _short(cell: str) -> str:
    return cell if len(cell) <= _LONGEST_CELL else cell[: _LONGEST_CELL - 1] + "…"


def _preformatted(block: Preformatted, limits: Limits) -> Clipped:
    lines = block.text.split("\n")
    if len(lines) <= limits.rows:
        return Clipped(block)
    kept = Preformatted("\n".join(lines[: limits.rows])) if limits.rows else None
    return Clipped(kept, f"All {len(lines)} lines are on the page")


def _foreign(block: Foreign, limits: Limits) -> Clipped:
    if not limits.rows:
        return Clipped(None, "A table is on the page")
    root = lxml_html.fragment_fromstring(block.html, create_parent="div")
    said = ""
    for table in list(root.iter("table")):
        said = _clip_table(table, limits) or said
    if not said:
        return Clipped(block)
    inner = "".join(lxml_html.tostring(child, encoding="unicode") for child in root)
    return Clipped(Foreign(sanitize.fragment(inner)), said)


def _clip_table(table: HtmlElement, limits: Limits) -> str:
    """Cut an HTML table in place; a cell that spans columns counts as so many."""
    body = [row for row in table.iter("tr") if row.find("td") is not None]
    columns = max((sum(map(_span, row)) for row in table.iter("tr")), default=0)
    for row in body[limits.rows :]:
        row.drop_tree()
    for row in list(table.iter("tr")):
        place = 0
        for cell in list(row):
            place += _span(cell)
            if place > limits.columns:
                cell.drop_tree()
    return left_out(len(body), columns, limits)


def _span(cell: HtmlElement) -> int:
    span = cell.get("colspan", "1")
    return int(span) if span.isdecimal() and len(span) <= _SPAN_DIGITS else 1

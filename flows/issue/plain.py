"""Plain text of at most 78 columns (RFC 5322, 2.1.1): wrapped paragraphs, aligned columns, HTML."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from lxml import html as lxml_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lxml.html import HtmlElement
    from markupsafe import Markup

WIDTH: Final = 78

_GAP = "  "
_NARROW = 16


def wrap(text: str, indent: str = "") -> str:
    """Return `text` as lines of at most `WIDTH`; the lines after the first start with `indent`."""
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Return labels and texts in two columns, the second wrapped under itself."""
    indent = max(len(label) for label, _ in rows) + len(_GAP)
    return "\n".join(wrap(label.ljust(indent) + text, " " * indent) for label, text in rows)


def columns(rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> tuple[str, int]:
    """Return `rows` in aligned columns, and how many of them fit in `WIDTH` (at least one).

    Args:
        rows: The heading's and the body's cells; where they need more than `WIDTH`, long ones are
            cut first, then columns are left out from the right.
        numeric: For each column, whether it is aligned to the right.
    """
    widths = [min(WIDTH, max(map(len, column))) for column in zip(*rows, strict=True)]
    while _total(widths) > WIDTH and max(widths) > _NARROW:
        widths[widths.index(max(widths))] -= 1
    fitting = max(n for n in range(1, len(widths) + 1) if n == 1 or _total(widths[:n]) <= WIDTH)
    lines = (
        _GAP.join(
            _cut(cell, width).rjust(width) if right else _cut(cell, width).ljust(width)
            for cell, width, right in zip(row[:fitting], widths, numeric, strict=False)
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines), fitting


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def from_html(html: Markup) -> str:
    """Return sanitized HTML as text: its tables in aligned columns, the rest as paragraphs."""
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    return "\n\n".join(filter(None, _paragraphs(root)))


def _paragraphs(root: HtmlElement) -> Iterator[str]:
    yield _words(root.text or "")
    for element in root:
        tables = list(element.iter("table"))
        if tables:
            yield from map(_table, tables)
        else:
            yield _words(element.text_content())
        yield _words(element.tail or "")


def _table(table: HtmlElement) -> str:
    rows = [
        [" ".join(cell.text_content().split()) for cell in row.iter("th", "td")]
        for row in table.iter("tr")
    ]
    widest = max(map(len, rows), default=0)
    if not widest:
        return ""
    padded = [row + [""] * (widest - len(row)) for row in rows]
    numeric = [all(map(_is_number, column[1:])) for column in zip(*padded, strict=True)]
    return columns(padded, numeric)[0]


def _is_number(text: str) -> bool:
    return not text.strip("0123456789.,%+-\u2212\u00a0\u202f") or text in {"NaN", "n/a"}


def _words(text: str) -> str:
    return wrap(" ".join(text.split()))

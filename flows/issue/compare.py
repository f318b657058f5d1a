"""What differs between two runs of an issue: by figures, tables, the data behind charts, words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from lxml import html as lxml_html

from flows.issue.change import shown
from flows.issue.content import Chart, Foreign, Preformatted, Prose
from flows.notebook.parts import Kpis, Note, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lxml.html import HtmlElement

    from flows.issue.content import Block, Content
    from flows.notebook.parts import Plotted

MISSING: Final = "(nothing)"
_LONGEST: Final = 200
# What names this rendering, and what tells of other issues, is no part of a comparison.
_LEFT_OUT = frozenset({"change", "ids"})


@dataclass(frozen=True)
class Difference:
    """What readers would see otherwise: where, as archived, as it came out again."""

    where: str
    archived: str
    again: str


def contents(archived: Content, again: Content) -> Iterator[Difference]:
    """Yield how what the notebook says differs; charts by the numbers that they draw."""
    yield from _texts("headline", archived.headline, again.headline)
    yield from _texts("lede", archived.lede, again.lede)
    numbers: dict[str, int] = {}
    for before, after in zip_longest(archived.blocks, again.blocks):
        kind = _kind(before or after)
        numbers[kind] = numbers.get(kind, 0) + 1
        where = f"{kind} {numbers[kind]}"
        if before is None or after is None or _kind(before) != _kind(after):
            yield Difference(
                where,
                _kind(before) if before else MISSING,
                _kind(after) if after else MISSING,
            )
        else:
            yield from _block(where, before, after)


def articles(archived: str, again: str) -> Iterator[Difference]:
    """Yield the first difference between two articles: tags, attributes and words, in order."""
    for before, after in zip_longest(_tokens(archived), _tokens(again), fillvalue=MISSING):
        if before != after:
            yield Difference("article", _cut(before), _cut(after))
            return


def _block(where: str, before: Block, after: Block) -> Iterator[Difference]:
    match before, after:
        case Kpis(), Kpis():
            for one, other in zip_longest(before.items, after.items):
                label = f"KPI {(one or other).label}"
                yield from _texts(label, shown(one) or MISSING, shown(other) or MISSING)
                if one and other:
                    yield from _texts(f"{label}, value", repr(one.value), repr(other.value))
                    yield from _texts(f"{label}, note", one.note, other.note)
        case Table(), Table():
            yield from _tables(before.caption or where, before, after)
        case Chart(), Chart():
            yield from _texts(f"{where}, caption", before.caption, after.caption)
            yield from _texts(f"{where}, alt text", before.image.alt, after.image.alt)
            yield from _plots(where, before.data, after.data)
        case Note(), Note():
            yield from _texts(f"{where}, level", before.level, after.level)
            yield from _texts(where, before.text, after.text)
        case (Prose() | Foreign(), Prose() | Foreign()):
            yield from _texts(where, str(before.html), str(after.html))
        case Preformatted(), Preformatted():
            yield from _texts(where, before.text, after.text)


def _tables(name: str, before: Table, after: Table) -> Iterator[Difference]:
    yield from _texts(f"table {name}, caption", before.caption, after.caption)
    columns = [column.label for column in before.columns]
    if before.columns != after.columns:
        others = [column.label for column in after.columns]
        yield Difference(f"table {name}, columns", ", ".join(columns), ", ".join(others))
        return
    for number, rows in enumerate(zip_longest(before.rows, after.rows), start=1):
        one, other = rows
        if one is None or other is None:
            where = f"table {name}, rows"
            yield Difference(where, str(len(before.rows)), str(len(after.rows)))
            return
        for column, cell, again in zip(columns, one, other, strict=True):
            yield from _texts(f"table {name}, row {number}, {column}", cell, again)


def _plots(where: str, before: Sequence[Plotted], after: Sequence[Plotted]) -> Iterator[Difference]:
    """Yield where the numbers behind a chart differ, each series by its name or its place."""
    place = 0
    for one, other in zip_longest(before, after):
        if one is None or other is None or one.x != other.x:
            yield Difference(f"{where}, x", _span(one), _span(other))
            continue
        for series, again in zip_longest(one.series, other.series):
            place += 1
            name = (series or again).label or f"series {place}"
            if series is None or again is None:
                yield Difference(f"{where}, {name}", *map(_count, (series, again)))
                continue
            yield from _texts(f"{where}, series {place}", series.label, again.label)
            for x, y, y_again in zip(one.x, series.y, again.y, strict=False):
                if y != y_again:
                    yield Difference(f"{where}, {name} at {x}", _number(y), _number(y_again))
            if series.y == again.y and series.whole != again.whole:
                yield Difference(f"{where}, {name}, between its shown points", "…", "…")


def _texts(where: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        yield Difference(where, _cut(before), _cut(after))


def _kind(block: Block | None) -> str:
    return "" if block is None else block.part


def _span(plotted: Plotted | None) -> str:
    if plotted is None or not plotted.x:
        return MISSING
    return f"{len(plotted.x)} from {plotted.x[0]} to {plotted.x[-1]}"


def _count(series: object | None) -> str:
    return MISSING if series is None else "a series"


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:g}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _tokens(article: str) -> Iterator[str]:
    root = lxml_html.fragment_fromstring(article, create_parent="main")
    for element in root.xpath("//*[@class]"):
        if _LEFT_OUT & set(element.get("class").split()):
            element.drop_tree()
    yield from _walk(root)


def _walk(element: HtmlElement) -> Iterator[str]:
    tag = str(element.tag)
    attributes = "".join(f' {name}="{value}"' for name, value in sorted(element.items()))
    yield f"<{tag}{attributes}>"
    yield from _words(element.text)
    for child in element:
        yield from _walk(child)
        yield from _words(child.tail)
    yield f"</{tag}>"


def _words(text: str | None) -> Iterator[str]:
    if words := " ".join((text or "").split()):
        yield words

"""The issue as plain text: a newsletter for who reads mail without HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.issue import plain, provenance, when
from flows.issue.clip import Limits, clip, left_out
from flows.issue.content import Chart, Foreign, Preformatted, Prose
from flows.issue.mail import FULL
from flows.notebook.parts import Kpi, Kpis, Note, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flows.issue.content import Block, Content
    from flows.issue.issue import Issue


def render(
    issue: Issue, content: Content, superseded: Issue | None, page_url: Callable[[str], str]
) -> str:
    """Return the mail's text part; lines have 78 characters at most, addresses aside."""
    paragraphs = [
        plain.wrap(f"{issue.title} · {issue.place}"),
        _underlined(plain.wrap(issue.headline)),
        plain.wrap(issue.lede),
        _when(issue),
        _update(issue, superseded, page_url) if superseded else "",
        *(paragraph for block in content.blocks for paragraph in _block(block)),
        f"Read the whole issue online:\n{page_url(issue.path)}",
        "-" * plain.WIDTH,
        plain.pairs([(row.label, row.text) for row in provenance.rows(issue)]),
        plain.wrap(f"You get this mail because your address is subscribed to {issue.title}."),
    ]
    # The narrow no-break space between a number's digits is missing in many fixed-width fonts.
    return "\n\n".join(filter(None, paragraphs)).replace("\u202f", "\u00a0") + "\n"


def _underlined(headline: str) -> str:
    return f"{headline}\n{'=' * max(map(len, headline.splitlines()))}"


def _when(issue: Issue) -> str:
    facts = [when.period(issue.start, issue.end, issue.zone.tz)]
    facts += [issue.process_type_name] if issue.process_type_name else []
    facts += ["provisional"] if issue.provisional else []
    return plain.wrap(" · ".join(facts))


def _update(issue: Issue, superseded: Issue, page_url: Callable[[str], str]) -> str:
    changed = "; ".join(provenance.changes(issue, superseded))
    said = f"Update: revision {issue.revision} replaces revision {superseded.revision}."
    said = plain.wrap(f"{said} {changed}." if changed else said)
    return f"{said}\n{page_url(superseded.path)}"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block)
        return
    clipped = clip(block, FULL)
    match clipped.block:
        case Kpis(items=items):
            yield _kpis(items)
        case Chart(image=image, caption=caption):
            yield plain.wrap(f"[Chart] {image.alt}")
            yield plain.wrap(caption)
        case Note(text=text, level=level):
            yield plain.wrap(f"Note: {text}" if level == "warning" else text)
        case Prose(source=source):
            yield "\n".join(map(plain.wrap, source.splitlines()))
        case Foreign(html=html):
            yield plain.from_html(html)
        case Preformatted(text=text):
            yield text
    if clipped.left_out:
        yield f"({clipped.left_out}.)"


def _kpis(items: Sequence[Kpi]) -> str:
    values = [provenance.value(kpi) for kpi in items]
    widest = max(map(len, values))
    texts = (f"{value:>{widest}}  {kpi.note}" for kpi, value in zip(items, values, strict=True))
    return plain.pairs([(kpi.label, text) for kpi, text in zip(items, texts, strict=True)])


def _table(table: Table) -> Iterator[str]:
    heading = [column.label for column in table.columns[: FULL.columns]]
    body = [row[: FULL.columns] for row in table.rows[: FULL.rows]]
    text, fitting = plain.columns([heading, *body], [column.numeric for column in table.columns])
    yield plain.wrap(table.caption)
    yield text
    said = left_out(len(table.rows), len(table.columns), Limits(FULL.rows, fitting))
    if said:
        yield f"({said}.)"

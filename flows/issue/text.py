"""The issue as plain text: a newsletter for who reads mail without HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.issue import notice, plain, provenance, when
from flows.issue.change import shown
from flows.issue.clip import Limits, clip, left_out
from flows.issue.content import Chart, Foreign, Preformatted, Prose
from flows.issue.mail import FULL, MOST_CHANGES
from flows.issue.notice import UNCHANGED
from flows.notebook.parts import Kpi, Kpis, Note, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flows.issue.content import Block, Content
    from flows.issue.issue import Issue
    from flows.issue.notice import Notice


def render(
    issue: Issue, content: Content, compared: Issue | None, page_url: Callable[[str], str]
) -> str:
    """Return the mail's text part; lines have 78 characters at most, addresses aside."""
    said = notice.of(issue, compared)
    paragraphs = [
        # A correction says so in its first line.
        *(_notice(said, page_url) if said and issue.corrects else ()),
        plain.wrap(f"{issue.title} · {issue.place}"),
        _underlined(plain.wrap(issue.headline)),
        plain.wrap(issue.lede),
        _when(issue),
        *(_notice(said, page_url) if said and not issue.corrects else ()),
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


def _notice(said: Notice, page_url: Callable[[str], str]) -> Iterator[str]:
    yield f"{plain.wrap(said.sentence)}\n{page_url(said.path)}"
    if not said.changes:
        yield UNCHANGED
        return
    told = said.changes[:MOST_CHANGES]
    moved = [change.moved for change in told]
    widest = max(map(len, moved))
    both = zip(moved, told, strict=True)
    yield plain.pairs(
        [(change.label, f"{text:<{widest}}  {change.by}".rstrip()) for text, change in both]
    )
    if told != said.changes:
        yield f"(All {len(said.changes)} changes are on the page.)"


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
    values = [shown(kpi) for kpi in items]
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

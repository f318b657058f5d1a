"""The issue as a mail's HTML: 640 px, tables for layout, styles inlined, under its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import css_inline

from flows.errors import RenderError
from flows.issue import notice, provenance, when
from flows.issue.change import shown
from flows.issue.clip import Limits, clip
from flows.issue.identity import TEMPLATES
from flows.issue.notice import UNCHANGED
from flows.issue.templating import ENVIRONMENT, stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.issue.content import Content
    from flows.issue.issue import Issue
    from flows.issue.notice import Notice
    from flows.notebook.parts import Kpi

# Gmail shows 102 KB of HTML and hides the rest behind a link.
BUDGET_BYTES: Final = 100_000
FULL: Final = Limits(rows=70)
MOST_CHANGES: Final = 12

_LIMITS = (FULL, Limits(40), Limits(20), Limits(8), Limits(0), Limits(0, prose=False))
_CHART_WIDTH_PX = 624

_STYLE = stylesheet(TEMPLATES / "mail.css")
_KEPT_STYLE = stylesheet(TEMPLATES / "mail-kept.css")
_TEMPLATE = ENVIRONMENT.get_template("mail.html")
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)


def render(
    issue: Issue, content: Content, compared: Issue | None, page_url: Callable[[str], str]
) -> str:
    """Return the mail's HTML of at most `BUDGET_BYTES`; its images are `cid:` references.

    Tables have at most 70 rows and 6 columns, fewer where the budget asks for it, and in the end
    none; what is left out has a link to the page. Of what changed since `compared` the first
    figures are told.

    Raises:
        RenderError: headline, figures and notes alone pass the budget.
    """
    for limits in _LIMITS:
        html = _laid_out(issue, content, compared, page_url, limits)
        size = len(html.encode())
        if size <= BUDGET_BYTES:
            return html
    raise RenderError(
        f"the mail has {size} bytes of HTML without any table, {BUDGET_BYTES} is the most",
        remedy="Shorten the notebook's lede, notes and captions.",
        bytes=size,
    )


def full_bytes(
    issue: Issue, content: Content, compared: Issue | None, page_url: Callable[[str], str]
) -> int:
    """Return how many bytes of HTML the mail would have if nothing were left out for its budget."""
    return len(_laid_out(issue, content, compared, page_url, FULL).encode())


def _laid_out(
    issue: Issue,
    content: Content,
    compared: Issue | None,
    page_url: Callable[[str], str],
    limits: Limits,
) -> str:
    said = notice.of(issue, compared)
    return _INLINER.inline(
        _TEMPLATE.render(
            issue=issue,
            blocks=[clip(block, limits) for block in content.blocks],
            period=when.period(issue.start, issue.end, issue.zone.tz),
            preheader=_preheader(issue, said),
            provenance=provenance.rows(issue),
            notice=said,
            notice_url=said and page_url(said.path),
            most_changes=MOST_CHANGES,
            unchanged=UNCHANGED,
            url=page_url(issue.path),
            chart_width=_CHART_WIDTH_PX,
            style=_STYLE,
            kept_style=_KEPT_STYLE,
        )
    )


def _preheader(issue: Issue, said: Notice | None) -> str:
    """Return what an inbox shows beside the subject."""
    if issue.corrects is not None and said is not None:
        return said.sentence
    return issue.lede or _in_one_line(issue.kpis) or issue.title


def _in_one_line(kpis: Sequence[Kpi]) -> str:
    return " · ".join(f"{kpi.label} {shown(kpi)}" for kpi in kpis)

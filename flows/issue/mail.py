"""The issue as a mail's HTML: 640 px, tables for layout, styles inlined, under its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import css_inline

from flows.errors import RenderError
from flows.issue import provenance, when
from flows.issue.clip import Limits, clip
from flows.issue.identity import TEMPLATES
from flows.issue.templating import ENVIRONMENT, stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.issue.content import Content
    from flows.issue.issue import Issue
    from flows.notebook.parts import Kpi

# Gmail shows 102 KB of HTML and hides the rest behind a link.
BUDGET_BYTES: Final = 100_000
FULL: Final = Limits(rows=70)

_LIMITS = (FULL, Limits(40), Limits(20), Limits(8), Limits(0), Limits(0, prose=False))
_CHART_WIDTH_PX = 624

_STYLE = stylesheet(TEMPLATES / "mail.css")
_KEPT_STYLE = stylesheet(TEMPLATES / "mail-kept.css")
_TEMPLATE = ENVIRONMENT.get_template("mail.html")
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)


def render(
    issue: Issue, content: Content, superseded: Issue | None, page_url: Callable[[str], str]
) -> str:
    """Return the mail's HTML of at most `BUDGET_BYTES`; its images are `cid:` references.

    Tables have at most 70 rows and 6 columns, fewer where the budget asks for it, and in the end
    none; what is left out has a link to the page.

    Raises:
        RenderError: headline, figures and notes alone pass the budget.
    """
    for limits in _LIMITS:
        html = _INLINER.inline(
            _TEMPLATE.render(
                issue=issue,
                blocks=[clip(block, limits) for block in content.blocks],
                period=when.period(issue.start, issue.end, issue.zone.tz),
                preheader=issue.lede or _in_one_line(issue.kpis) or issue.title,
                provenance=provenance.rows(issue),
                superseded=superseded,
                superseded_url=superseded and page_url(superseded.path),
                changes=provenance.changes(issue, superseded) if superseded else (),
                url=page_url(issue.path),
                chart_width=_CHART_WIDTH_PX,
                style=_STYLE,
                kept_style=_KEPT_STYLE,
            )
        )
        size = len(html.encode())
        if size <= BUDGET_BYTES:
            return html
    raise RenderError(
        f"the mail has {size} bytes of HTML without any table, {BUDGET_BYTES} is the most",
        remedy="Shorten the notebook's lede, notes and captions.",
        bytes=size,
    )


def _in_one_line(kpis: Sequence[Kpi]) -> str:
    return " · ".join(f"{kpi.label} {provenance.value(kpi)}" for kpi in kpis)

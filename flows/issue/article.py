"""The issue in the archive: all that is its own, as an HTML fragment that a page's frame takes in.

It is written once, with the issue. What stands around it (masthead, neighbours, downloads) changes
with the archive and is no part of it. Its styles are `page.css`, after `base.css`.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from flows.issue import notice, provenance, when
from flows.issue.content import Foreign, Prose
from flows.issue.notice import UNCHANGED
from flows.issue.templating import ENVIRONMENT

if TYPE_CHECKING:
    from flows.issue.content import Content
    from flows.issue.issue import Issue

_TEMPLATE = ENVIRONMENT.get_template("article.html")


def render(issue: Issue, content: Content, compared: Issue | None) -> str:
    """Return the article as HTML; its links are relative, so it works wherever the archive lies.

    Args:
        issue: The record.
        content: What the issue says.
        compared: The earlier issue that `issue.changes` are from.
    """
    said = notice.of(issue, compared)
    return _TEMPLATE.render(
        issue=issue,
        blocks=content.blocks,
        period=when.period(issue.start, issue.end, issue.zone.tz),
        provenance=provenance.rows(issue),
        notice=said,
        notice_url=said and f"{posixpath.relpath(f'/{said.path}', f'/{issue.path}')}/index.html",
        unchanged=UNCHANGED,
        published=when.stamp_utc(issue.published),
    )


def is_styled(content: Content) -> bool:
    """Return whether the article has style attributes, which a page's policy has to let in.

    They are sanitized, and of tables that a library or Markdown made.
    """
    return any("style=" in b.html for b in content.blocks if isinstance(b, Foreign | Prose))

"""The issue's page in the archive: whole, readable from disk, without script or foreign origin."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from flows.issue import provenance, when
from flows.issue.content import Foreign
from flows.issue.identity import TEMPLATES
from flows.issue.templating import ENVIRONMENT, csp_hash, stylesheet

if TYPE_CHECKING:
    from flows.issue.content import Content
    from flows.issue.issue import Issue

_STYLE = stylesheet(TEMPLATES / "base.css", TEMPLATES / "page.css")
_TEMPLATE = ENVIRONMENT.get_template("page.html")


def render(issue: Issue, content: Content, superseded: Issue | None) -> str:
    """Return the page as HTML; its links are relative, so it works wherever the archive lies."""
    return _TEMPLATE.render(
        issue=issue,
        blocks=content.blocks,
        period=when.period(issue.start, issue.end, issue.zone.tz),
        provenance=provenance.rows(issue),
        superseded=superseded,
        superseded_url=superseded and f"{_relative(superseded.path, issue)}/index.html",
        changes=provenance.changes(issue, superseded) if superseded else (),
        published=when.stamp_utc(issue.published),
        home=_relative("", issue),
        style=_STYLE,
        policy=_policy(content),
    )


def _policy(content: Content) -> str:
    """Return the page's Content Security Policy: its own style and images, and nothing else.

    Style attributes, which take no hash, are let in where a library's HTML has them: sanitized.
    """
    sources = ["default-src 'none'", "img-src 'self'", f"style-src-elem {csp_hash(_STYLE)}"]
    if any("style=" in block.html for block in content.blocks if isinstance(block, Foreign)):
        sources.append("style-src-attr 'unsafe-inline'")
    return "; ".join((*sources, "base-uri 'none'", "form-action 'none'"))


def _relative(path: str, issue: Issue) -> str:
    return posixpath.relpath(f"/{path}", f"/{issue.path}")

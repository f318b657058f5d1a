"""An executed notebook becomes an issue: a page, a mail and their record.

identity    issue_id, render_id, slug: what is sent once, and where it stands
issue       Issue: what issue.json holds
content     the notebook's outputs as blocks, in order; sanitize and inert make them harmless
page        the page in the archive
mail, text  the two alternatives of the mail; clip keeps them small, plain aligns text
provenance  where the figures come from, for all three
render      all of it at once
"""

from __future__ import annotations

from flows.issue.content import Image
from flows.issue.identity import issue_id, render_id, slug
from flows.issue.issue import DOCUMENT_FILE, Figure, Issue, Zone, reference
from flows.issue.render import MAIL_FILE, TEXT_FILE, Rendering, render, with_cids

__all__ = [
    "DOCUMENT_FILE",
    "MAIL_FILE",
    "TEXT_FILE",
    "Figure",
    "Image",
    "Issue",
    "Rendering",
    "Zone",
    "issue_id",
    "reference",
    "render",
    "render_id",
    "slug",
    "with_cids",
]

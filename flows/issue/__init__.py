"""An executed notebook becomes an issue: an article, a mail and their record.

identity    issue_id, render_id, slug: what is sent once, and where it stands
issue       Issue: what issue.json holds
content     the notebook's outputs as blocks, in order; sanitize and inert make them harmless
article     the issue in the archive, for the frame of its page
change, notice  what moved since an earlier issue, and how readers are told
mail, text  the two alternatives of the mail; clip keeps them small, plain aligns text
provenance  where the figures come from, for all three
render      all of it at once
compare     what differs between two runs of an issue
"""

from __future__ import annotations

from flows.issue.change import Change
from flows.issue.content import Image
from flows.issue.identity import issue_id, render_id, slug
from flows.issue.issue import DOCUMENT_FILE, Figure, Issue, Zone, reference
from flows.issue.render import (
    ARTICLE_FILE,
    MAIL_FILE,
    NOTEBOOK_FILE,
    TEXT_FILE,
    Rendering,
    render,
    with_cids,
)

__all__ = [
    "ARTICLE_FILE",
    "DOCUMENT_FILE",
    "MAIL_FILE",
    "NOTEBOOK_FILE",
    "TEXT_FILE",
    "Change",
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

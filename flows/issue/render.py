"""From an executed notebook to an issue: its record, and every file that stands beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import nbformat

from flows.document import DOCUMENT_TYPES, PROCESS_TYPES
from flows.issue import article, change, identity, mail, text
from flows.issue import content as contents
from flows.issue.issue import DOCUMENT_FILE, Figure, Issue, Zone, is_provisional, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nbformat import NotebookNode
    from pydantic import JsonValue

    from flows.document import MarketDocument
    from flows.issue.content import Content, Image
    from flows.notebook.newsletter import Newsletter

ARTICLE_FILE = "article.html"
MAIL_FILE = "email.html"
TEXT_FILE = "email.txt"
NOTEBOOK_FILE = "notebook.ipynb"


@dataclass(frozen=True)
class Rendering:
    """An issue for its readers; `files` maps each file's name to its bytes, the record aside.

    `mail_html` names its images by `cid:`, the file of the mail by the files beside it, so that a
    browser shows it; `with_cids` leads back.
    """

    content: Content
    article_html: str
    mail_html: str
    mail_text: str
    files: Mapping[str, bytes]

    @property
    def images(self) -> tuple[Image, ...]:
        """The charts, which the mail's HTML names by `cid`."""
        return self.content.images


def render(
    newsletter: Newsletter,
    document: MarketDocument,
    notebook: NotebookNode,
    parameters: Mapping[str, JsonValue],
    *,
    page_url: Callable[[str], str],
    superseded: Issue | None = None,
    previous: Issue | None = None,
    corrects: Issue | None = None,
    published: datetime | None = None,
) -> tuple[Issue, Rendering]:
    """Return the issue that the executed `notebook` makes of `document`, and its files.

    The same arguments give the same bytes, given `published` too.

    Args:
        newsletter: The notebook as it stands in the folder of newsletters.
        document: What was injected as `event_payload`.
        notebook: The notebook as it ran.
        parameters: All that was injected, for the record; see `Issue.parameters`.
        page_url: Gives the address of the page of the issue at a path.
        superseded: The issue about a lower revision of the same document, which this one replaces.
        previous: The issue that readers had before this one.
        corrects: The first rendering of this very issue, which this one corrects; it stands where
            that one stood, whatever `superseded` and `previous` are.
        published: Now, unless an earlier rendering is made again.

    Raises:
        RenderError: no headline, an output that is no part, or a mail over its budget.
    """
    issue_id = identity.issue_id(newsletter.name, document)
    render_id = identity.render_id(issue_id, newsletter.source_hash)
    content = contents.read(notebook, render_id if corrects else issue_id)
    compared = corrects or superseded or _comparable(previous, document)
    issue = Issue(
        issue_id=issue_id,
        render_id=render_id,
        newsletter=newsletter.name,
        title=newsletter.title,
        zone=Zone.of(document.zone),
        counter_zone=None if document.counter_zone is None else Zone.of(document.counter_zone),
        document_key=document.key,
        document_type=document.document_type,
        document_type_name=DOCUMENT_TYPES.get(document.document_type, "Market document"),
        process_type=document.process_type,
        process_type_name=PROCESS_TYPES.get(document.process_type or ""),
        mrid=document.mrid,
        revision=document.revision,
        created=document.created,
        start=document.start,
        end=document.end,
        provisional=is_provisional(document),
        headline=content.headline,
        lede=content.lede,
        kpis=content.kpis,
        figures=tuple(map(_figure, content.images)),
        published=published or datetime.now(UTC),
        supersedes=corrects.supersedes if corrects else _id(superseded),
        previous=corrects.previous if corrects else _id(previous),
        corrects=corrects.render_id if corrects else None,
        compared_with=_id(compared),
        changes=change.between(compared.kpis, content.kpis) if compared else (),
        styled=article.is_styled(content),
        parameters=recorded(parameters, document.xml),
        versions=identity.versions(newsletter.source_hash),
        files={},
    )
    article_html = article.render(issue, content, compared)
    mail_html = mail.render(issue, content, compared, page_url)
    mail_text = text.render(issue, content, compared, page_url)
    files = {
        ARTICLE_FILE: article_html.encode(),
        MAIL_FILE: with_files(mail_html, issue.figures).encode(),
        TEXT_FILE: mail_text.encode(),
        # A notebook may hold a lone surrogate, which JSON can write and UTF-8 can't.
        NOTEBOOK_FILE: _written(notebook).encode("utf-8", "replace"),
        DOCUMENT_FILE: document.xml.encode(),
        **_charts(content.images),
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return (
        issue.model_copy(update={"files": sums}),
        Rendering(content, article_html, mail_html, mail_text, files),
    )


def _id(issue: Issue | None) -> str | None:
    return issue.issue_id if issue else None


def _comparable(previous: Issue | None, document: MarketDocument) -> Issue | None:
    """Return `previous` where its figures are the same quantities as those of `document`.

    They are not across another border, and not where each document is about an outage of its own.
    """
    if previous is None or document.outages:
        return None
    border = previous.counter_zone and previous.counter_zone.eic
    own = document.counter_zone and document.counter_zone.eic
    return previous if border == own else None


def _written(notebook: NotebookNode) -> str:
    return str(nbformat.writes(notebook))  # type: ignore[no-untyped-call]  # nbformat has no types


def with_files(mail_html: str, figures: Iterable[Figure]) -> str:
    """Return the mail's HTML with its images named by their files."""
    for figure in figures:
        mail_html = mail_html.replace(f'src="cid:{figure.cid}"', f'src="{figure.name}"')
    return mail_html


def with_cids(mail_html: str, figures: Iterable[Figure]) -> str:
    """Return the mail's HTML as the archive has it, with its images named by `cid:` again."""
    for figure in figures:
        mail_html = mail_html.replace(f'src="{figure.name}"', f'src="cid:{figure.cid}"')
    return mail_html


def _figure(image: Image) -> Figure:
    return Figure(
        name=image.name,
        dark_name=image.dark_name,
        cid=image.cid,
        alt=image.alt,
        width_px=image.width_px,
        height_px=image.height_px,
    )


def _charts(images: tuple[Image, ...]) -> dict[str, bytes]:
    files = {image.name: image.light_png for image in images}
    return files | {
        image.dark_name: image.dark_png
        for image in images
        if image.dark_name is not None and image.dark_png is not None
    }

"""A notebook run on a document, and the mail and the page that would come of it.

It takes the road that an event takes, from the inputs to the mail's last byte, by the same code; it
ends before anything is written.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from flows import document as documents
from flows import inputs
from flows import issue as issues
from flows.archive import Archive, open_store
from flows.archive.card import Card
from flows.archive.index import Around
from flows.archive.pages import issue_page
from flows.delivery.compose import prepare
from flows.delivery.ledger import Recipient
from flows.delivery.unsubscribe import Links
from flows.document import reference
from flows.errors import DocumentError, ReferenceUnavailable, SettingsError
from flows.notebook.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pydantic import JsonValue

    from flows.document import MarketDocument
    from flows.issue import Issue, Rendering
    from flows.notebook.newsletter import Newsletter
    from flows.settings import Settings

READER: Final = Recipient("reader@example.org", "Reader")
"""Whom the mail of a draft is addressed to."""

_CAPACITY_TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True)
class Draft:
    """An issue that is not published.

    `mail` is the whole message to `READER`, as it would go over the wire; `page` the issue's page
    as it would stand in the archive, beside `rendering.files`.
    """

    issue: Issue
    rendering: Rendering
    mail: bytes
    page: bytes


@dataclass(frozen=True)
class Skipped:
    """The notebook found nothing worth an issue, for this reason."""

    reason: str


def choose(newsletter: Newsletter, message: str) -> MarketDocument:
    """Return the first document in the event `message` that `newsletter` listens to.

    Raises:
        MessageError: the message is in none of the accepted forms.
        DocumentError: a document in it is malformed, or the newsletter listens to none.
    """
    there = []
    for payload in documents.unpack(message):
        read = documents.read(payload.xml)
        if isinstance(read, documents.Acknowledgement):
            continue
        for document in read:
            if newsletter.listens_to(document):
                return document
            there.append(_described(document))
    found = "; ".join(there) or "there is none"
    raise DocumentError(
        f"{newsletter.name} listens to none of the documents: {found}",
        remedy="Name another document, or change `listens_to` in the notebook's header.",
    )


def make(
    newsletter: Newsletter,
    document: MarketDocument,
    options: Settings,
    *,
    given: Mapping[str, JsonValue] | None = None,
    published: datetime | None = None,
) -> Draft | Skipped:
    """Run `newsletter` on `document`; return what would be archived and sent.

    What it needs beside the document, and the issue that readers had before, come from the archive;
    installed capacities from the day's cache or the platform, where there is a key.

    Args:
        newsletter: The notebook.
        document: What is injected as `event_payload`.
        options: Where the archive is, and what mails say of their sender.
        given: What is injected in place of all that would be looked up.
        published: Now, unless it is to be held against an issue of that moment.

    Raises:
        NotebookError: the notebook failed.
        RenderError: the executed notebook is no issue.
        StorageError: the archive can't be read.
    """
    with _archive(options) as archive:
        found = _inputs(newsletter, document, archive, options, given)
        executed = run(newsletter, found.values, limits=inputs.limits(options))
        if executed.skip_reason is not None:
            return Skipped(executed.skip_reason)
        superseded = _superseded(newsletter, document, archive)
        issue, rendering = issues.render(
            newsletter,
            document,
            executed.notebook,
            found.record,
            superseded=superseded,
            previous=found.previous,
            page_url=archive.page_url,
            published=published,
        )
    around = Around(previous=_card(found.previous), supersedes=_card(superseded))
    page = issue_page(issue, rendering.article_html, around, options.archive_url)
    return Draft(issue, rendering, _mail(issue, rendering, options), page)


def has_archive(options: Settings) -> bool:
    """Return whether there is an archive to read; a bucket is taken for one."""
    address = options.archive_address
    return "://" in address or Path(address).is_dir()


@contextmanager
def _archive(options: Settings) -> Iterator[Archive]:
    """Open the archive; where there is none yet an empty one, so that a look makes no folder."""
    if has_archive(options):
        yield Archive(open_store(options.archive_address), options.archive_url)
        return
    with tempfile.TemporaryDirectory(prefix="gridletter-") as folder:
        yield Archive(open_store(folder), options.archive_url)


def _inputs(
    newsletter: Newsletter,
    document: MarketDocument,
    archive: Archive,
    options: Settings,
    given: Mapping[str, JsonValue] | None,
) -> inputs.Inputs:
    if given is not None:
        return inputs.Inputs(given, given, archive.previous(newsletter.name, document))
    return inputs.gather(newsletter, document, archive, lambda: _capacity(document, options))


def _card(issue: Issue | None) -> Card | None:
    return None if issue is None else Card.of(issue)


def _described(document: MarketDocument) -> str:
    parts = (document.document_type, document.process_type, document.zone.code)
    return " ".join(filter(None, parts))


def _capacity(document: MarketDocument, options: Settings) -> dict[str, float]:
    """Return installed capacities, none where the platform gives none: the issue would go out."""
    key = options.entsoe_api_key
    try:
        return reference.installed_capacity(
            document.zone,
            document.start.astimezone(ZoneInfo(document.zone.tz)).year,
            api_key=None if key is None else key.get_secret_value(),
            cache_folder=options.capacity_cache_folder,
            timeout_seconds=_CAPACITY_TIMEOUT_SECONDS,
        )
    except (ReferenceUnavailable, SettingsError):
        return {}


def _superseded(newsletter: Newsletter, document: MarketDocument, archive: Archive) -> Issue | None:
    """Return the newest issue about a lower revision of `document`."""
    standing = archive.revisions(newsletter.name, document)
    lower = [issue for issue in standing if issue.revision < document.revision]
    return lower[-1] if lower else None


def _mail(issue: Issue, rendering: Rendering, options: Settings) -> bytes:
    links = None
    if options.unsubscribe_url is not None:
        links = Links(options.unsubscribe_key_list, options.unsubscribe_url).of(issue.newsletter)
    prepared = prepare(
        issue,
        rendering.mail_html,
        rendering.mail_text,
        {image.name: image.light_png for image in rendering.images},
        sender=options.sender,
        unsubscribe_url=links,
    )
    return prepared.mail_to(READER)

"""The flow after a notebook was mended: today's notebook, the archived parameters, beside the old.

    issue ─► its parameters ─► today's notebook ─► correction, in the issue's folder ─► (mail)

No mail goes out unless asked for; then those get one who got the issue, once, by the same ledger.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import nbformat
from prefect import flow

from flows import document, inputs, sending, settings
from flows import issue as issues
from flows.archive import Archive, open_store
from flows.archive.find import path_of
from flows.delivery.ledger import State
from flows.errors import (
    DeliveryError,
    DocumentError,
    RenderError,
    SettingsError,
    StorageError,
    one_line,
)
from flows.issue import ARTICLE_FILE, NOTEBOOK_FILE, compare, content
from flows.notebook import newsletter as newsletters
from flows.notebook.run import run
from flows.outcome import Outcome
from flows.sending import Post

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from flows.issue import Issue, Rendering
    from flows.notebook.newsletter import Newsletter
    from flows.settings import Settings


@flow(name="rerender")
def rerender(issue: str, *, mail_correction: bool = False) -> list[Outcome]:
    """Render an issue again by today's notebook, beside the old; return what became of it.

    Skipped is what comes out the same to its readers, and what was rendered by the very notebook,
    templates and lock file of today.

    Args:
        issue: An id, a path in the archive, or the address of a page.
        mail_correction: Send it to those who got the issue; where that was done it is not again.

    Raises:
        SettingsError: the archive has no such issue, or the newsletter is there no more.
        NotebookError: the notebook failed.
        RenderError: the executed notebook is no issue.
        StorageError: archive or ledger can't be read or written.
        DeliveryError: the issue itself is still being sent, or the server takes nothing from us.
        MailServerUnavailable: it can't be reached, or most mails fail.
    """
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    original = _original(issue, archive)
    letter = newsletters.load(options.notebooks / f"{issues.slug(original.newsletter)}.ipynb")
    outcome = Outcome(
        "published", original.newsletter, original.zone.code, issue_id=original.issue_id
    )
    render_id = issues.render_id(original.issue_id, letter.source_hash)
    if render_id == original.render_id:
        reason = "nothing to do: notebook, templates and lock file are those that it was made by"
        return [replace(outcome, state="skipped", reason=reason)]
    correction = archive.load(f"{original.path}/{render_id}")
    if correction is None:
        correction, rendering = _render(original, letter, archive, options)
        if _comes_out_the_same(original, rendering, archive):
            reason = "nothing to do: to its readers it comes out the same"
            return [replace(outcome, state="skipped", reason=reason)]
        archive.commit(correction, rendering.files)
    else:
        outcome = replace(outcome, state="duplicate")
    archive.settle(correction)
    outcome = replace(outcome, page=archive.page_url(correction.path))
    return [_mailed(outcome, correction, archive, options) if mail_correction else outcome]


def _original(name: str, archive: Archive) -> Issue:
    """Return the issue; of a correction, the issue that it corrects."""
    path = path_of(name, archive.store)
    issue = archive.load(path) if path else None
    if issue is not None and issue.corrects is not None:
        issue = archive.load(issue.path.rpartition("/")[0])
    if issue is None:
        raise SettingsError(
            f"the archive {archive.store.address} has no issue {one_line(name, 200)}",
            remedy="Name an issue's id or its page, or set GRIDLETTER_ARCHIVE to its archive.",
            setting="GRIDLETTER_ARCHIVE",
        )
    return issue


def _render(
    original: Issue, letter: Newsletter, archive: Archive, options: Settings
) -> tuple[Issue, Rendering]:
    documents = document.read(archive.document(original))
    if not isinstance(documents, tuple) or len(documents) != 1:
        raise DocumentError(
            f"the document of {original.path} is not one market document",
            remedy="Bring the issue back from a copy of the archive.",
        )
    # What the analyst sets in the header is part of the notebook: today's counts.
    record = {
        name: value
        for name, value in original.parameters.items()
        if name in newsletters.KNOWN_PARAMETERS and name in letter.declared
    }
    executed = run(letter, _values(record, original, archive), limits=inputs.limits(options))
    if executed.skip_reason is not None:
        raise RenderError(
            f"today's notebook makes no issue of it: {executed.skip_reason}",
            remedy="The issue stays as it is: mend the notebook so that it says something.",
        )
    return issues.render(
        letter,
        documents[0],
        executed.notebook,
        {**letter.parameters, **record},
        corrects=original,
        page_url=archive.page_url,
    )


def _values(
    record: Mapping[str, JsonValue], original: Issue, archive: Archive
) -> dict[str, JsonValue]:
    """Return the parameters of `record` with the documents in place of their references."""
    values = dict(record)
    for name, value in record.items():
        if isinstance(value, dict) and value.get("file") == issues.DOCUMENT_FILE:
            path = str(value.get("issue", original.path))
            other = archive.load(path)
            if other is None:
                raise StorageError(
                    f"the issue {path}, whose document the notebook was given, is gone",
                    remedy="Bring it back from a copy of the archive.",
                    path=path,
                )
            values[name] = archive.document(other)
    return values


def _comes_out_the_same(original: Issue, rendering: Rendering, archive: Archive) -> bool:
    """Return whether words, figures and charts are those of `original`, to the last pixel."""
    notebook = nbformat.reads(  # type: ignore[no-untyped-call]
        archive.file(original, NOTEBOOK_FILE).decode(), as_version=4
    )
    before = content.read(notebook, original.issue_id)
    if any(compare.contents(before, rendering.content)):
        return False
    charts = (name for name in rendering.files if name.endswith(".png"))
    if any(
        original.files.get(name) != hashlib.sha256(rendering.files[name]).hexdigest()
        for name in charts
    ):
        return False
    archived = archive.file(original, ARTICLE_FILE).decode()
    return not any(compare.articles(archived, rendering.article_html))


def _mailed(outcome: Outcome, correction: Issue, archive: Archive, options: Settings) -> Outcome:
    post = Post.open(archive, options)
    if post.ledger.next_due(correction.issue_id) is not None:
        raise DeliveryError(
            "the issue itself is still being sent, and who has not got it needs no correction",
            remedy="Run gridletter resume first, then this again.",
        )
    before = post.accepted(correction.delivery_id)
    counts = post.send(correction)
    return replace(
        outcome,
        mails=counts[State.ACCEPTED] - before,
        reason=sending.summary(counts),
    )

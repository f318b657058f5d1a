"""The flow that goes on with mails alone: no event, no notebook, only what the ledger has open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from prefect import flow

from flows import sending, settings
from flows.archive import Archive, open_store
from flows.delivery.ledger import State
from flows.errors import GridletterError, StorageError
from flows.outcome import Outcome, PublishFailed
from flows.sending import Post

if TYPE_CHECKING:
    from flows.delivery.ledger import Entry


@flow(name="resume")
def resume(unknown: Literal["hold", "resend"] = "hold") -> list[Outcome]:
    """Send what is open of every issue; return what became of each.

    Args:
        unknown: What to do with mails of which nobody knows whether the server took them: `hold`
            leaves them, `resend` sends them again, which may give a reader a mail twice.

    Raises:
        PublishFailed: some issue could not be sent; the others were.
    """
    options = settings.load()
    post = Post.open(Archive(open_store(options.archive_address), options.archive_url), options)
    entries = {entry.issue_id: entry for entry in post.ledger.unfinished()}
    if unknown == "resend":
        for entry in post.ledger.held():
            post.ledger.release_unknown(entry.issue_id)
            entries[entry.issue_id] = entry
    outcomes = [_send(post, entry) for entry in entries.values()]
    if failed := [outcome for outcome in outcomes if outcome.state == "failed"]:
        raise PublishFailed(
            f"{len(failed)} of {len(outcomes)} issues could not be sent",
            remedy="Mend the cause and resume again: nobody gets a mail twice.",
            outcomes=outcomes,
        )
    return outcomes


def _send(post: Post, entry: Entry) -> Outcome:
    outcome = Outcome("published", entry.newsletter, entry.zone, entry.issue_id)
    try:
        issue = post.archive.load(entry.path)
        if issue is None:
            raise StorageError(
                f"the issue {entry.path} is gone from the archive",
                remedy="Bring it back from a copy of the archive.",
                path=entry.path,
            )
        before = post.accepted(entry.issue_id)
        counts = post.send(issue)
    except GridletterError as error:
        return replace(outcome, state="failed", reason=str(error))
    return replace(
        outcome,
        page=post.archive.page_url(entry.path),
        mails=counts[State.ACCEPTED] - before,
        reason=sending.summary(counts),
    )

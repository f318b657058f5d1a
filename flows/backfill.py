"""The flows that fill the archive with documents of the past; no mail goes out.

`backfill` does a folder in one flow run with no tasks in it: for years of documents, what Prefect
records of each would take longer than the issue itself. What is in the archive is not made again,
so that a backfill that was ended in any way goes on where it was. `backfill-event` does one
document: by it `flows.backfill_pool` has a work pool do a folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows import backfill_turns, document, settings
from flows.archive import Archive, open_store
from flows.errors import MessageError, NewsletterError, PermanentError
from flows.notebook import nursery
from flows.notebook.newsletter import catalogue
from flows.press import Press

if TYPE_CHECKING:
    from pathlib import Path

    from prefect.client.schemas.objects import State

    from flows.notebook.newsletter import Newsletter
    from flows.outcome import Outcome

    Outcomes = list[tuple[str, Outcome]]


class BackfillFailed(PermanentError):
    """Some documents became no issue; `outcomes` has what became of all, with their sources."""

    @property
    def outcomes(self) -> Outcomes:
        """What became of each document, the failed ones among them."""
        return cast("Outcomes", self.data["outcomes"])


@flow(name="backfill")
def backfill(sources: list[str], jobs: int) -> Outcomes:
    """Publish what is in the files and folders into the archive only; return what became of it.

    Args:
        sources: Files, and folders that are searched to their depths.
        jobs: How many notebooks run side by side.

    Raises:
        BackfillFailed: a document failed; the others are in the archive all the same.
        MessageError: a source is not there.
        StorageError: the archive can't be used.
    """
    nursery.warm()
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    found = catalogue(options.notebooks)
    logger = get_run_logger()
    for error in found.broken:
        logger.error(str(error))
    press = Press(options, archive, logger)
    outcomes = backfill_turns.fill(
        archive,
        sources,
        found.newsletters,
        lambda entry: press.publish(entry.newsletter, entry.document()),
        jobs=jobs,
        logger=logger,
    )
    if failed := [outcome for _, outcome in outcomes if outcome.state == "failed"]:
        raise BackfillFailed(
            f"{len(failed)} of {len(outcomes)} did not succeed",
            remedy="Mend the cause and run it again: what is in the archive is not made again.",
            outcomes=outcomes,
        )
    return outcomes


@flow(name="backfill-event")
def backfill_event(newsletter: str, event_msg: str) -> State[None]:
    """Publish one newsletter about one document of the past into the archive only.

    Args:
        newsletter: Its name.
        event_msg: The market document, for one zone, or the address where it waits.

    Returns:
        A completed state whose name and message are state and page, or reason, of the outcome: the
        results of flow runs stay where they ran.

    Raises:
        GridletterError: there is no issue of it.
    """
    nursery.warm()
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    letter = _named(newsletter, options.notebooks)
    [payload] = document.unpack(event_msg, [options.claims_url])
    read = document.read(payload.xml)
    if not isinstance(read, tuple) or len(read) != 1:
        raise MessageError(
            "the message is not one market document for one zone",
            remedy="Publish it with `gridletter backfill`, which takes messages apart.",
        )
    outcome = Press(options, archive, get_run_logger()).publish(letter, read[0])
    return Completed(name=outcome.state.capitalize(), message=outcome.reason or outcome.page)


def _named(name: str, folder: Path) -> Newsletter:
    found = catalogue(folder)
    for newsletter in found.newsletters:
        if newsletter.name == name:
            return newsletter
    raise NewsletterError(
        f"there is no newsletter {name} in {folder}",
        remedy="Deploy an image that has its notebook.",
        path=folder / f"{name}.ipynb",
    )

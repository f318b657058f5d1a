"""What a notebook is given to run on a document: plain, for whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flows import issue as issues
from flows.notebook.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from flows.archive import Archive
    from flows.document import MarketDocument
    from flows.issue import Issue
    from flows.notebook.newsletter import Newsletter
    from flows.settings import Settings

DAY_AHEAD: Final = "A01"


@dataclass(frozen=True)
class Inputs:
    """What a notebook is given: `values`; in `record` the documents stand by their place."""

    values: Mapping[str, JsonValue]
    record: Mapping[str, JsonValue]
    previous: Issue | None


def gather(
    newsletter: Newsletter,
    document: MarketDocument,
    archive: Archive,
    look_up_capacity: Callable[[], Mapping[str, float]],
) -> Inputs:
    """Return what `newsletter` is given to run on `document`, by the contract's names.

    Args:
        newsletter: What it needs beside the document is looked up, nothing else.
        document: The document.
        archive: Where the issues before it are.
        look_up_capacity: Returns installed capacity in MW by production type, or nothing.
    """
    values: dict[str, JsonValue] = {"event_payload": document.xml, **newsletter.parameters}
    previous = archive.previous(newsletter.name, document)
    if newsletter.wants("installed_capacity"):
        values["installed_capacity"] = dict(look_up_capacity())
    earlier = {}
    if newsletter.wants("previous_payload"):
        earlier["previous_payload"] = previous
    if newsletter.wants("forecast_payload"):
        earlier["forecast_payload"] = archive.covering(newsletter.name, document, DAY_AHEAD)
    values |= {name: archive.document(issue) for name, issue in earlier.items()}
    places = {name: issues.reference(issue) for name, issue in earlier.items() if issue}
    return Inputs(values, {**values, **places}, previous)


def limits(options: Settings) -> Limits:
    """Return what one run of a notebook may take."""
    return Limits(
        deadline_seconds=options.notebook_deadline_seconds,
        memory_mb=options.notebook_memory_mb,
        output_mb=options.notebook_output_mb,
    )

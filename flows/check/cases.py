"""What a notebook is run on: its sample, and edge cases made from it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flows import document as documents
from flows.check import altered
from flows.check.finding import Finding
from flows.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from flows.document import MarketDocument
    from flows.notebook.newsletter import Newsletter

_HEADROOM: Final = 1.25
"""Installed capacity of a type in an edge case, in proportion to the highest value it has."""


@dataclass(frozen=True)
class Case:
    """Values to run a notebook with, and the document among them.

    `is_sample` says that an issue has to come of it; an edge case may be skipped.
    """

    name: str
    values: Mapping[str, JsonValue]
    document: MarketDocument
    is_sample: bool = False


def sample(newsletter: Newsletter) -> MarketDocument | Finding:
    """Return the one document that the newsletter's sample is, or what is wrong with it."""
    name = newsletter.path.name
    try:
        found = documents.read(newsletter.sample.read_bytes())
    except (DocumentError, OSError) as error:
        remedy = "Name a market document that `gridletter publish` would take."
        return Finding(name, 0, "sample", f"the sample can't be read: {error}", remedy)
    if not isinstance(found, tuple) or len(found) != 1:
        what = "the sample is not one market document of one bidding zone"
        return Finding(name, 0, "sample", what, "Name one that is.")
    (document,) = found
    if not newsletter.listens_to(document):
        about = f"type {document.document_type}, process {document.process_type or 'none'}"
        what = f"the newsletter does not listen to its sample ({about}, {document.zone.code})"
        return Finding(
            name, 0, "sample", what, "Mend `listens_to`, or name another document as the sample."
        )
    return document


def of(newsletter: Newsletter, document: MarketDocument) -> Iterator[Case]:
    """Yield the sample as JupyterLab and as a flow give it, then the edge cases that apply.

    They are: days of 23 and 25 hours, gaps in the values, each production type missing once, none
    of what the header's `needs` names, and a zone that no map has.

    Args:
        newsletter: Whose notebook it is.
        document: Its sample; see `sample`.
    """
    xml = document.xml
    whole = _given(newsletter, xml)
    yield Case("as it opens in JupyterLab", {}, document, is_sample=True)
    yield Case("its sample", whole, _read(whole), is_sample=True)
    for name, changed in _changed(newsletter, document):
        if changed is not None:
            values = _given(newsletter, changed)
            with suppress(DocumentError):  # not every kind of document can be changed so
                yield Case(name, values, _read(values))
    for parameter, name, nothing in _NOTHING:
        if newsletter.wants(parameter):
            yield Case(name, {**whole, parameter: nothing}, _read(whole))


_NOTHING: Final[tuple[tuple[str, str, Any], ...]] = (
    ("installed_capacity", "no installed capacity", {}),
    ("previous_payload", "no document before", ""),
    ("forecast_payload", "no forecast", ""),
)


def _changed(newsletter: Newsletter, document: MarketDocument) -> Iterator[tuple[str, str | None]]:
    """Yield (name, XML) of each edge case of the document; None where it can have none such."""
    xml, tz = document.xml, document.zone.tz
    yield "a day of 23 hours", altered.change_day(xml, tz, 23)
    yield "a day of 25 hours", altered.change_day(xml, tz, 25)
    yield "gaps in the values", altered.with_gaps(xml)
    types = sorted(set(document.psr_types))
    if len(types) > 1:
        for missing in (types[::2], types[1::2]):
            yield f"without {', '.join(missing)}", altered.without_types(xml, missing)
    if not newsletter.zones:
        yield "a zone that no map has", altered.in_unknown_zone(xml, document.zone.eic)


def _given(newsletter: Newsletter, xml: str) -> dict[str, JsonValue]:
    """Return what a flow would inject with the document `xml`, as its second revision."""
    event = altered.with_revision(xml, 2)
    values: dict[str, JsonValue] = {
        "event_payload": event,
        "installed_capacity": dict(_capacity(_read({"event_payload": event}))),
        "previous_payload": altered.with_revision(xml, 1),
        "forecast_payload": altered.as_day_ahead(xml),
    }
    return {name: value for name, value in values.items() if newsletter.wants(name)}


def _capacity(document: MarketDocument) -> dict[str, float]:
    """Return MW by production type, somewhat more than the document has at most."""
    peaks = document.frame.dropna(subset=["psr_type", "value"]).groupby("psr_type")["value"].max()
    return {str(code): _HEADROOM * float(peak) for code, peak in peaks.items() if peak > 0}


def _read(values: Mapping[str, JsonValue]) -> MarketDocument:
    found = documents.read(str(values["event_payload"]))
    if not isinstance(found, tuple) or len(found) != 1:
        raise DocumentError("the changed sample is not one document", remedy="Use another sample.")
    return found[0]

"""Events that say which documents came: by their absence, an automation knows what is overdue.

A webhook's event holds a message that nobody has read yet. So the flow, which has, emits one event
for each document, with type and zone in the resource's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prefect.events import emit_event

from flows.document.zones import zone
from flows.errors import SettingsError

if TYPE_CHECKING:
    from flows.document import MarketDocument

ARRIVAL_EVENT: Final = "gridletter.document.arrived"
_RESOURCE: Final = "gridletter.document"


def announce(document: MarketDocument) -> None:
    """Emit the event that the document came; nothing waits for it."""
    emit_event(
        event=ARRIVAL_EVENT,
        resource={
            "prefect.resource.id": f"{_RESOURCE}.{document.document_type}.{document.zone.code}",
            "prefect.resource.name": f"{document.document_type} for {document.zone.name}",
        },
    )


def resource_pattern(kind: str) -> str:
    """Return what matches the resources of a kind of document: `A69`, or `A69.DE_LU` for one zone.

    Raises:
        SettingsError: it is no document type, or not followed by a zone.
    """
    document_type, dot, place = kind.partition(".")
    if not (document_type[:1] in {"A", "B", "Z"} and document_type[1:].isdigit()) or dot > place:
        raise SettingsError(
            f"{kind} is no kind of document",
            remedy="Name a document type, and a zone behind a dot if you mean one: A69.DE_LU",
            setting="--expect",
        )
    return f"{_RESOURCE}.{document_type}.{zone(place).code if place else '*'}"

"""Events that say which documents came: by their absence, it is known what is overdue.

A webhook's event holds a message that nobody has read yet. So the flow, which has, emits one event
for each document, with type and zone in the resource's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prefect.events import emit_event
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventResourceFilter,
)

if TYPE_CHECKING:
    from datetime import datetime

    from prefect.client.orchestration import SyncPrefectClient

    from flows.document import MarketDocument
    from flows.document.zones import Zone

_ARRIVAL_EVENT: Final = "gridletter.document.arrived"


def announce(document: MarketDocument) -> None:
    """Emit the event that the document came; nothing waits for it."""
    emit_event(
        event=_ARRIVAL_EVENT,
        resource={
            "prefect.resource.id": _resource(document.document_type, document.zone),
            "prefect.resource.name": f"{document.document_type} for {document.zone.name}",
        },
    )


def have_come(
    client: SyncPrefectClient,
    document_type: str,
    zone: Zone | None,
    since: datetime,
    until: datetime,
) -> bool:
    """Return whether a document of the type came, for the zone if one is named.

    Args:
        client: Asks the Prefect API that has the events; it keeps them for some days at least.
        document_type: Such as `A69`.
        zone: Whose; None for any.
        since: From when on, with a time zone.
        until: Up to when.

    Raises:
        HTTPError: the API is away.
    """
    resource = _resource(document_type, zone)
    told = EventFilter(
        occurred=EventOccurredFilter.model_validate({"since": since, "until": until}),
        event=EventNameFilter(name=[_ARRIVAL_EVENT]),
        resource=EventResourceFilter.model_validate(
            {"id_prefix": [resource]} if zone is None else {"id": [resource]}
        ),
    )
    return bool(client.read_events(told, limit=1).events)


def _resource(document_type: str, zone: Zone | None) -> str:
    return f"gridletter.document.{document_type}.{'' if zone is None else zone.code}"

"""What the webhook's event looks like: the one agreement of gateway, webhook, trigger and `emit`.

A self-hosted gateway makes the event itself; on Prefect Cloud the webhook makes it from the same
request by `WEBHOOK_TEMPLATE`. Either way the automation gives the flow run `event.payload.body`.
"""

from __future__ import annotations

from typing import Final

from prefect.events import Event, Resource

DOCUMENT_EVENT: Final = "entsoe.document"
RESOURCE_ID: Final = "gridletter.webhook.entsoe"
# One expression and nothing around it: Prefect then hands over the value with its type, and starts
# no run where there is none. It is rendered once, so braces inside a message stay as they are.
EVENT_MSG_TEMPLATE: Final = "{{ event.payload.body }}"
# `tojson` escapes: a message with quotes or line breaks can't leave its string. A body that is sent
# as JSON is a string of XML there as well.
WEBHOOK_TEMPLATE: Final = f"""\
{{
  "event": "{DOCUMENT_EVENT}",
  "resource": {{"prefect.resource.id": "{RESOURCE_ID}"}},
  "payload": {{"body": {{{{ body|tojson }}}}}}
}}
"""


def document_event(body: str) -> Event:
    """Return the event of a pushed message, with an id of its own.

    Args:
        body: The message, or the address where it waits, as `flows.document.unpack` takes it.
    """
    resource = Resource({"prefect.resource.id": RESOURCE_ID})
    return Event(event=DOCUMENT_EVENT, resource=resource, payload={"body": body})

"""What a push is answered with: that its message is kept, in a form that the platform reads.

`soap` is a SOAP envelope with a ResponseMessage (IEC 61968-100, IEC 62325-504) whose header repeats
the request's; without one it is as ENTSO-E's own pushes have it. `acknowledgement` is an
Acknowledgement_MarketDocument (IEC 62325-451-1, 7:0) with reason A01, "message fully accepted".
Both say that the message arrived whole and is stored, not that a newsletter came of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from lxml import etree
from starlette.responses import Response

if TYPE_CHECKING:
    from flows.gateway.glance import Glance

SOAP_1_1: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_1_2: Final = "http://www.w3.org/2003/05/soap-envelope"
MESSAGE: Final = "http://iec.ch/TC57/2011/schema/message"
ACKNOWLEDGEMENT: Final = "urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0"

_CONTENT_TYPES: Final = {
    SOAP_1_1: "text/xml; charset=utf-8",
    SOAP_1_2: "application/soap+xml; charset=utf-8",
}
# The header of ENTSO-E's pushes, for a push without one.
_PUSHED: Final = {"Verb": "create", "Noun": "ETP-DOCUMENT", "Context": "PRODUCTION"}
# ENTSO-E, market information aggregator; and whoever receives information.
_PLATFORM: Final = "10X1001A1001A450"
_PLATFORM_ROLE: Final = "A32"
_RECEIVER_ROLE: Final = "A33"
_EIC: Final = "A01"
_ACCEPTED: Final = "A01"


def response_message(seen: Glance) -> Response:
    """Return the ResponseMessage: result OK, in the request's namespaces, correlated with it."""
    soap = seen.soap if seen.soap in _CONTENT_TYPES else SOAP_1_2
    message = seen.message or MESSAGE
    envelope = etree.Element(f"{{{soap}}}Envelope", nsmap={"env": soap, "msg": message})
    body = etree.SubElement(envelope, f"{{{soap}}}Body")
    response = etree.SubElement(body, f"{{{message}}}ResponseMessage")
    header = etree.SubElement(response, f"{{{message}}}Header")
    asked = seen.header or _PUSHED
    for name in ("Verb", "Noun", "Context"):
        _add(header, message, name, asked.get(name))
    _add(header, message, "AckRequired", "false")
    correlation = asked.get("CorrelationID") or asked.get("MessageID")
    _add(header, message, "CorrelationID", correlation)
    reply = etree.SubElement(response, f"{{{message}}}Reply")
    _add(reply, message, "Result", "OK")
    return Response(_xml(envelope), media_type=_CONTENT_TYPES[soap])


def acknowledgement(seen: Glance) -> Response:
    """Return the acknowledgement of the first document in the push.

    It goes back as the document came, from its receiver to its sender; where it does not say, or
    is packed, from and to the platform, as the platform's own acknowledgements do.
    """
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    received, schemes = seen.document, seen.schemes
    root = etree.Element(
        f"{{{ACKNOWLEDGEMENT}}}Acknowledgement_MarketDocument", nsmap={None: ACKNOWLEDGEMENT}
    )

    def add(name: str, value: str | None) -> etree._Element | None:
        return _add(root, ACKNOWLEDGEMENT, name, value)

    add("mRID", uuid4().hex)
    add("createdDateTime", now)
    for here, there, role in (
        ("sender", "receiver", _RECEIVER_ROLE),
        ("receiver", "sender", _PLATFORM_ROLE),
    ):
        theirs = f"{there}_MarketParticipant"
        participant = add(
            f"{here}_MarketParticipant.mRID", received.get(f"{theirs}.mRID", _PLATFORM)
        )
        if participant is not None:
            participant.set("codingScheme", schemes.get(f"{theirs}.mRID") or _EIC)
        add(
            f"{here}_MarketParticipant.marketRole.type",
            received.get(f"{theirs}.marketRole.type", role),
        )
    for name in ("mRID", "revisionNumber", "type"):
        add(f"received_MarketDocument.{name}", received.get(name))
    add("received_MarketDocument.createdDateTime", received.get("createdDateTime", now))
    reason = etree.SubElement(root, f"{{{ACKNOWLEDGEMENT}}}Reason")
    _add(reason, ACKNOWLEDGEMENT, "code", _ACCEPTED)
    return Response(_xml(root), media_type="application/xml")


def _add(parent: etree._Element, space: str, name: str, value: str | None) -> etree._Element | None:
    """Add an element with that text; none where there is no text."""
    if not value:
        return None
    element = etree.SubElement(parent, f"{{{space}}}{name}")
    element.text = value
    return element


def _xml(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)

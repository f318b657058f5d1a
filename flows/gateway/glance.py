"""What a push says of itself in its first kilobytes, for the answer to it.

The message is stored whatever this finds: it reads no further than the beginning, strictly as XML,
and leaves out what is not there or too long to be what it should be.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lxml import etree

from flows.document.strict_xml import STRICT, local, namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINNING: Final = 8 << 10
_LONGEST: Final = 200
_BLANK: Final = "\ufeff \t\r\n"
_MESSAGE: Final = ["Envelope", "Body", "RequestMessage"]
_HEADER: Final = [*_MESSAGE, "Header"]
_AROUND_DOCUMENT: Final[tuple[list[str], ...]] = ([], [*_MESSAGE, "Payload"])


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen.

    Attributes:
        soap: The envelope's namespace; "" where there is no envelope.
        message: The namespace of the message in it (IEC 61968-100).
        header: Its header's fields by name: Verb, Noun, MessageID ….
        document: The first market document's own fields by name: mRID, type ….
        schemes: The coding schemes of those fields; "" where one has none.
    """

    soap: str = ""
    message: str = ""
    header: dict[str, str] = field(default_factory=dict)
    document: dict[str, str] = field(default_factory=dict)
    schemes: dict[str, str] = field(default_factory=dict)


def glance(text: str) -> Glance:
    """Return what is seen at the beginning of a message; nothing of one that is packed."""
    soap = message = ""
    header: dict[str, str] = {}
    document: dict[str, str] = {}
    schemes: dict[str, str] = {}
    path: list[str] = []
    for event, element in _events(text.strip(_BLANK)[:_BEGINNING]):
        name = local(element)
        if event == "start":
            path.append(name)
            if path == ["Envelope"]:
                soap = namespace(str(element.tag))
            elif path == _MESSAGE:
                message = namespace(str(element.tag))
            continue
        value = (element.text or "").strip()
        if 0 < len(value) <= _LONGEST and not len(element):
            if path[:-1] == _HEADER:
                header.setdefault(name, value)
            elif path[:-2] in _AROUND_DOCUMENT:
                document.setdefault(name, value)
                schemes.setdefault(name, element.get("codingScheme", ""))
        path.pop()
    return Glance(soap, message, header, document, schemes)


def _events(beginning: str) -> Iterator[tuple[str, etree._Element]]:
    """Yield the start and the end of each element, as far as the beginning is well-formed."""
    parser = etree.XMLPullParser(("start", "end"), **STRICT)
    with suppress(etree.XMLSyntaxError):
        parser.feed(beginning.encode("utf-8", "replace"))
    yield from parser.read_events()

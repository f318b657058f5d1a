"""Event message → market documents, for every form in which a push message arrives."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from flows.document.address import fetch, is_address
from flows.document.packed import MAX_DOCUMENTS, MAX_UNPACKED_BYTES, is_packed, unpack_bytes
from flows.document.strict_xml import children, local, parse, root_name
from flows.errors import DocumentError, MessageError, MessageTooLarge, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_MESSAGE_BYTES = 32 * 2**20
"""Longest message, packed or not."""

_ESCAPED = re.compile(r'<[^<>]{0,2000}?(?:\\"|>\s{0,100}\\[nrt])|["\\]')
r"""Markup as it stands inside a JSON string: \" in its first tag, \n after it, or \u003c."""

_BLANK = "\ufeff \t\r\n"
_EXCERPT = 80
_DEEPEST = 2
_TEMPLATE_FAILED = "Failed to render template"
_TEMPLATE = ("{{", "{%")
_BESIDE_DOCUMENTS = frozenset({"Compressed", "Format", "OperationSet"})
"""What a msg:Payload holds beside documents (IEC 61968-100)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One market document of a message: UTF-8 XML, and where in the message it stood."""

    name: str
    xml: bytes


def unpack(event_msg: str, claims: Sequence[str] = ()) -> tuple[Payload, ...]:
    r"""Return the market documents in an event message, in order.

    Forms: a SOAP 1.2 envelope (Envelope/Body/RequestMessage/Payload, with XML in it, or gzip or
    zip in base64 as such or in `Compressed`); a bare market document; either as a JSON string, with
    or without its quotes; gzip or zip in base64; a `file:` or `s3://` address of any of these.
    Whether the documents themselves are sound is for `read` to say.

    Args:
        event_msg: The message.
        claims: Places below which an address is followed, such as `file:///var/claims` or
            `s3://bucket/claims`; without any, none is.

    Raises:
        MessageError: in none of these forms, or broken in one of them.
        MessageTooLarge: a bound was passed: bytes, bytes when unpacked, documents.
        StorageError: S3 gave no answer; a later attempt may succeed.

    """
    if len(event_msg) > MAX_MESSAGE_BYTES:
        what = f"the message has more than {MAX_MESSAGE_BYTES:,} characters"
        raise MessageTooLarge(what, remedy="Send it in parts")
    text = event_msg.strip(_BLANK)
    if is_address(text):
        return _bounded(_from_file(fetch(text, MAX_MESSAGE_BYTES, claims), one_line(text)))
    return _bounded(_from_text(text, ""))


def _bounded(payloads: Iterable[Payload]) -> tuple[Payload, ...]:
    kept: list[Payload] = []
    size = 0
    for payload in payloads:
        kept.append(payload)
        size += len(payload.xml)
        if len(kept) > MAX_DOCUMENTS or size > MAX_UNPACKED_BYTES:
            what = "the message holds more documents, or more bytes of them, than are read"
            remedy = f"Send up to {MAX_DOCUMENTS:,} documents and {MAX_UNPACKED_BYTES:,} bytes"
            raise MessageTooLarge(what, remedy=remedy)
    return tuple(kept)


def _from_file(data: bytes, where: str) -> Iterator[Payload]:
    """Yield the documents in the file or object at an address."""
    if is_packed(data):
        yield from _from_packed(data, where, 0)
        return
    try:
        text = data.decode().strip(_BLANK)
    except UnicodeDecodeError as error:
        what = f"{where} is no UTF-8 text and nothing packed"
        raise MessageError(what, remedy="Save it as UTF-8, gzip or zip") from error
    yield from _from_text(text, where)


def _from_text(text: str, where: str, depth: int = 0) -> Iterator[Payload]:
    """Yield the documents in a message, or in the text of one of its payloads."""
    if _ESCAPED.match(text) or ("\\" in text and not text.startswith("<")):
        try:
            text = unescaped(text).strip(_BLANK)
        except ValueError as error:
            raise _no_message(text, where) from error
    if text.startswith("<"):
        yield from _from_xml(text.encode("utf-8", "surrogatepass"), where, depth)
        return
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        data = b""
    if not is_packed(data):
        raise _no_message(text, where)
    yield from _from_packed(data, where, depth)


def _from_packed(data: bytes, where: str, depth: int) -> Iterator[Payload]:
    """Yield the documents in a gzip or zip file, packed `depth` times over already."""
    if depth == _DEEPEST:
        what = f"{where or 'the message'} is packed more than {_DEEPEST} times over"
        raise MessageTooLarge(what, remedy="Pack the documents once")
    for name, content in unpack_bytes(data):
        yield from _from_xml(content, f"{where} {name}".strip(), depth + 1)


def _from_xml(data: bytes, where: str, depth: int) -> Iterator[Payload]:
    """Yield a bare market document as it is, and the documents in an envelope."""
    if root_name(data) != "Envelope":
        yield Payload(where or "message", data)
        return
    try:
        envelope = parse(data)
    except DocumentError as error:
        what = f"the envelope is no sound XML: {error.what}"
        raise MessageError(what, remedy=error.remedy, **error.data) from error
    payloads = [part for body in children(envelope, "Body") for part in body.iter("{*}Payload")]
    if not payloads:
        faults = " ".join(" ".join(part.itertext()) for part in envelope.iter("{*}Fault"))
        what = "the envelope has no Body with a Payload"
        if faults:
            what += f" but a Fault: {faults}"
        raise MessageError(what, remedy="Have the platform push the message again")
    for number, payload in enumerate(payloads, 1):
        yield from _from_payload(payload, f"{where} payload {number}".strip(), depth)


def _from_payload(payload: etree._Element, where: str, depth: int) -> Iterator[Payload]:
    """Yield the documents in a Payload: XML elements, or text that is packed or escaped."""
    documents = [part for part in payload if local(part) not in _BESIDE_DOCUMENTS]
    texts = [part.text for part in children(payload, "Compressed")]
    if not len(payload):
        texts.append(payload.text)
    if not documents and not any(texts):
        what = f"{where} is empty"
        raise MessageError(what, remedy="Have the platform push the message again")
    for number, document in enumerate(documents, 1):
        payload.remove(document)
        name = where if len(documents) == 1 else f"{where} document {number}"
        xml = etree.tostring(document, encoding="UTF-8", xml_declaration=True, with_tail=False)
        yield Payload(name, xml)
    for text in texts:
        yield from _from_text((text or "").strip(_BLANK), where, depth)


def unescaped(text: str) -> str:
    """Return what a JSON string stands for; `text` has its quotes or has lost them.

    Raises:
        ValueError: it is no JSON string.
    """
    literal = text if text.startswith('"') else f'"{text}"'
    return str(json.loads(literal, strict=False))


def _no_message(text: str, where: str) -> MessageError:
    """Return the error that `text` is nothing that is read here.

    Only the message itself is quoted: a file's content is no business of the log.
    """
    if text.startswith(_TEMPLATE_FAILED):
        what = f"instead of a message came the error of its template: {one_line(text)}"
        remedy = "Mend the automation's template; {{ event.payload.body }} is the message"
    elif text.startswith(_TEMPLATE):
        what = f"instead of a message came its template, not filled in: {one_line(text, _EXCERPT)}"
        remedy = "Start the flow from the automation, which fills it in"
    else:
        subject = where or "the message"
        what = f"{subject} is no XML and nothing packed" if text else f"{subject} is empty"
        if text and not where:
            what += f", but begins with {one_line(text, _EXCERPT)!r}"
        remedy = (
            "Send an envelope or a market document as XML, JSON string, or base64 of gzip or zip"
        )
    return MessageError(what, remedy=remedy)

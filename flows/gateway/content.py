"""A pushed body → the text that `flows.document.unpack` takes.

Only what is no message at all is refused here: neither XML nor a gzip or zip file, in no character
set that can be read. Whether a message is sound, and of use, is for the flow to say.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from contextlib import suppress
from email.message import Message
from typing import Final

from starlette.exceptions import HTTPException

from flows.document.message import MAX_MESSAGE_BYTES, unescaped
from flows.document.packed import is_packed
from flows.document.strict_xml import root_name

_GZIP: Final = zlib.MAX_WBITS | 16
_BLANK: Final = "\ufeff \t\r\n"
# Market documents are UTF-8; these come from senders that transcode, or say so without doing it.
_WIDE: Final = frozenset({"utf-16", "utf-16le", "utf-16be"})
_NARROW: Final = frozenset(
    {"", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"}
)
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_ESCAPED: Final = ("<", '"', "\\")
_SAMPLE: Final = 16
_PROLOG: Final = 8192


def decoded(body: bytes, content_encoding: str, largest_bytes: int) -> bytes:
    """Return the body without its Content-Encoding: gzip, or none.

    Raises:
        HTTPException: 415 for any other; 400 where it is no sound gzip; 413 as soon as it has more
            than `largest_bytes`.
    """
    coding = content_encoding.strip().lower()
    if not body or coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise HTTPException(
            415, "the only Content-Encoding taken is gzip", {"Accept-Encoding": "gzip"}
        )
    member = zlib.decompressobj(_GZIP)
    try:
        content = member.decompress(body, largest_bytes + 1)
    except zlib.error:
        raise HTTPException(400, "the body is no sound gzip") from None
    if len(content) > largest_bytes:
        raise HTTPException(413, f"the body unpacks to more than {largest_bytes:,} bytes")
    if not member.eof or member.unused_data:
        raise HTTPException(400, "the body is not one whole gzip")
    return content


def message_text(content: bytes, content_type: str) -> str:
    """Return the message: the text as it came, or a gzip or zip file in base64.

    A sender's UTF-8 is believed before its charset: one-byte text with accents is hardly ever
    UTF-8 by chance, and a server's wrong default charset is common.

    Raises:
        HTTPException: 400 where it is no message; 413 where it is longer than a flow reads; 415 for
            a charset that is not known, or not the body's.
    """
    if is_packed(content):
        text = b64encode(content).decode()
    else:
        text = _text(content, _charset(content_type))
        if "\0" in text or not is_message(text):
            raise HTTPException(400, "the body is neither XML nor a gzip or zip file")
    if len(text) > MAX_MESSAGE_BYTES:
        raise HTTPException(413, f"a message has up to {MAX_MESSAGE_BYTES:,} characters")
    return text


def is_message(text: str) -> bool:
    """Say whether `text` is XML without a DTD, or packed in base64; or a JSON string of these."""
    text = text.strip(_BLANK)
    if _is_xml(text):
        return True
    if text.startswith(_ESCAPED):
        try:
            text = unescaped(text).strip(_BLANK)
        except ValueError:
            return False
        if _is_xml(text):
            return True
    sample = "".join(text[: 2 * _SAMPLE].split())[:_SAMPLE]
    with suppress(ValueError):
        return is_packed(b64decode(sample, validate=True))
    return False


def _is_xml(text: str) -> bool:
    return text.startswith("<") and root_name(text[:_PROLOG].encode("utf-8", "replace")) is not None


def _charset(content_type: str) -> str:
    header = Message()
    header["Content-Type"] = content_type
    charset = header.get_content_charset("")
    if charset not in _WIDE | _NARROW:
        raise HTTPException(415, "this charset is not taken; send UTF-8")
    return charset


def _text(content: bytes, charset: str) -> str:
    if content.startswith(_UTF_16_MARKS):
        charset = "utf-16"
    first = charset if charset in _WIDE else "utf-8"
    for name in (first, charset or first):
        with suppress(UnicodeDecodeError):
            return content.decode(name)
    raise HTTPException(415, f"the body is not in {charset or 'UTF-8'}; send UTF-8")

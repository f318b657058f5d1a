"""Event messages from files and from standard input."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from flows.errors import MessageError

STANDARD_INPUT = "-"
LARGEST_SOURCE_BYTES = 128 << 20
_BINARY_MAGIC = (b"\x1f\x8b", b"PK\x03\x04")


def read_message(source: str) -> str:
    """Return the event message in a file, or of standard input, as text.

    Raises:
        MessageError: it can't be read, is too large, or is no text.
    """
    return _as_text(_read(source))


def _read(source: str) -> bytes:
    try:
        if source == STANDARD_INPUT:
            data = sys.stdin.buffer.read(LARGEST_SOURCE_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST_SOURCE_BYTES + 1)
    except OSError as error:
        raise MessageError(
            f"{source} can't be read: {error.strerror}", remedy="Name a readable file."
        ) from error
    if len(data) > LARGEST_SOURCE_BYTES:
        raise MessageError(
            f"{source} is larger than {LARGEST_SOURCE_BYTES >> 20} MB",
            remedy="Send its documents one by one.",
        )
    return data


def _as_text(data: bytes) -> str:
    if data.startswith(_BINARY_MAGIC):
        return base64.b64encode(data).decode()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MessageError(
            "the message is neither UTF-8 text nor gzip nor zip",
            remedy="Send the market document as UTF-8 XML.",
        ) from error

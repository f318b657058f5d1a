"""Text as it may stand in a mail: header values, and lines in quoted-printable."""

from __future__ import annotations

import binascii
import re
from email import quoprimime
from email.header import Header
from typing import Final

from flows.errors import one_line

LONGEST_NAME: Final = 100

# A dot-atom at a host name: what subscribers' addresses are checked to be. Nothing in it can end a
# header line, an SMTP command or the angle brackets around an address.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
# RFC 2045 allows 76 characters; the two that `=2E` adds at a line's start are kept free.
_QP_LINE = 74
# RFC 5322 asks for lines of at most 78 characters.
_LONGEST_LINE = 78


def is_address(text: str) -> bool:
    """Return whether `text` is an address that needs neither quotes nor SMTPUTF8."""
    return _ADDRESS.fullmatch(text) is not None


def quoted_printable(text: str) -> bytes:
    """Return `text` as whole CRLF lines in quoted-printable (RFC 2045), none beginning with a dot.

    Each line is encoded by itself, so the encodings of two texts make the encoding of both.
    """
    if not text:
        return b""
    lines = _LINE_BREAK.sub("\r\n", text if text.endswith("\n") else f"{text}\n").encode()
    encoded = binascii.b2a_qp(lines, istext=True)
    if _LEADING_DOT.search(encoded) is None:
        return encoded
    narrow = quoprimime.body_encode(lines.decode("latin-1"), _QP_LINE, "\r\n").encode()
    return _LEADING_DOT.sub(b"=2E", narrow)


def mailbox(header: str, name: str, address: str) -> str:
    """Return `name <address>` as a value of `header`, in one line as far as it has room."""
    name = one_line(name, LONGEST_NAME)
    if not name:
        return address
    if _is_plain(name):
        quoted = name.replace("\\", r"\\").replace('"', r"\"")
        phrase = f'"{quoted}"'
    else:
        phrase = _encoded_words(header, name)
    length = len(f"{header}: {phrase} <{address}>")
    return f"{phrase} <{address}>" if length <= _LONGEST_LINE else f"{phrase}\r\n <{address}>"


def unstructured(header: str, text: str) -> str:
    """Return `text` as a value of `header`, folded, in encoded words (RFC 2047) where need be."""
    text = one_line(text)
    longest = max(map(len, text.split()), default=0)
    if _is_plain(text) and longest < _LONGEST_LINE - len(header):
        return Header(text, "us-ascii", header_name=header).encode(linesep="\r\n")
    return _encoded_words(header, text)


def phrase(text: str) -> str:
    """Return `text` as a quoted ASCII string for headers whose readers decode nothing."""
    kept = one_line(text, LONGEST_NAME).replace("–", "-").encode("ascii", "replace").decode()
    return '"' + kept.replace("\\", "").replace('"', "") + '"'


def _is_plain(text: str) -> bool:
    # What looks like an encoded word would be decoded by its reader.
    return text.isascii() and "=?" not in text


def _encoded_words(header: str, text: str) -> str:
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")

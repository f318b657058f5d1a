"""gzip and zip files, unpacked within bounds."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from io import BytesIO
from typing import IO, TYPE_CHECKING

from flows.document.strict_xml import MAX_XML_BYTES
from flows.errors import MessageError, MessageTooLarge, one_line

if TYPE_CHECKING:
    from io import BufferedIOBase

MAX_UNPACKED_BYTES = 2 * MAX_XML_BYTES
"""Most bytes that all documents of one archive unpack to."""

MAX_DOCUMENTS = 1000
"""Most documents in one message; the platform's own archives hold up to 200."""

MAX_RATIO = 300
"""Most bytes that one packed byte may become: documents reach 150, deflate's limit is 1032."""

_HARMLESS_BYTES = 2**20
"""What unpacks to no more than this is harmless at any ratio."""

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_ZIP_ENTRY = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_packed(data: bytes) -> bool:
    """Say whether `data` is a gzip or zip file, by its first bytes."""
    return data.startswith((_GZIP, _ZIP))


def unpack_bytes(data: bytes) -> list[tuple[str, bytes]]:
    """Return (name, content) of each file in a gzip or zip file; gzip gives one without a name.

    Raises:
        MessageError: broken, encrypted, or packed by another method than deflate.
        MessageTooLarge: more files, bytes, or bytes per packed byte than the bounds allow.

    """
    allowed = min(MAX_UNPACKED_BYTES, max(_HARMLESS_BYTES, MAX_RATIO * len(data)))
    try:
        if data.startswith(_ZIP):
            return _unzip(data, allowed)
        with gzip.GzipFile(fileobj=BytesIO(data)) as stream:
            return [("", _read(stream, allowed))]
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        # RuntimeError is how zipfile says that a member is encrypted, or its method unknown.
        what = f"the packed payload can't be unpacked: {error}"
        remedy = "Pack it again as gzip or zip (deflate, no password)"
        raise MessageError(what, remedy=remedy) from error


def _unzip(data: bytes, allowed: int) -> list[tuple[str, bytes]]:
    # Counted before zipfile reads the directory, which would build an object for every entry.
    if data.count(_ZIP_ENTRY) > MAX_DOCUMENTS:
        what = f"the zip file has more than {MAX_DOCUMENTS:,} files"
        raise MessageTooLarge(what, remedy="Send it in parts")
    files: list[tuple[str, bytes]] = []
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if member.compress_type not in _METHODS:
                what = f"{one_line(member.filename)} is packed by another method than deflate"
                raise MessageError(what, remedy="Pack it again as zip (deflate)")
            with archive.open(member) as stream:
                content = _read(stream, allowed)
            allowed -= len(content)
            files.append((one_line(member.filename), content))
    return files


def _read(stream: BufferedIOBase | IO[bytes], allowed: int) -> bytes:
    content = stream.read(allowed + 1)
    if len(content) > allowed:
        what = "the payload unpacks to more bytes than are read"
        remedy = (
            f"Send no more than {MAX_UNPACKED_BYTES:,} bytes, packed no more than 1:{MAX_RATIO}"
        )
        raise MessageTooLarge(what, remedy=remedy)
    return content

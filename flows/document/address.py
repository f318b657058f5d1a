"""Claim checks: a message that is the `file:` or `s3://` address of the real one.

Who can push a message could name any file or bucket that this machine may read, so an address is
followed only below a place where claims are kept.
"""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from flows.errors import MessageError, MessageTooLarge, StorageError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obstore.store import ClientConfig, RetryConfig

_S3_CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=5)}
_S3_RETRY: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
"""Short: the flow's own retries do the rest."""


def is_address(text: str) -> bool:
    """Say whether `text` is the address of a message rather than a message."""
    return text.startswith(("file:", "s3://"))


def fetch(address: str, longest: int, claims: Sequence[str]) -> bytes:
    """Return the bytes at a `file:` or `s3://` address below one of `claims`, at most `longest`.

    S3's region and credentials are those of the environment (AWS_…) or of the machine.

    Raises:
        MessageError: not below any of `claims`, malformed, nothing there, or no regular file.
        MessageTooLarge: more than `longest` bytes are there.
        StorageError: S3 did not answer, or refused; a later attempt may succeed.
        SettingsError: there are no credentials for S3, or no region.
    """
    if address.startswith("s3:"):
        if not any(address.startswith(f"{place.rstrip('/')}/") for place in claims):
            raise _foreign(address)
        return _read_s3(address, longest)
    return _read_file(address, longest, [_path(place) for place in claims if _is_file(place)])


def _is_file(address: str) -> bool:
    return address.startswith("file:")


def _path(address: str) -> Path:
    return Path(url2pathname(urlsplit(address).path))


def _foreign(address: str) -> MessageError:
    what = f"{one_line(address)} is not where large messages are kept"
    return MessageError(what, remedy="Send the message itself")


def _too_large(address: str, longest: int) -> MessageTooLarge:
    what = f"{one_line(address)} has more than the {longest:,} bytes that are read"
    return MessageTooLarge(what, remedy="Send it in parts")


def _read_file(address: str, longest: int, folders: Sequence[Path]) -> bytes:
    parts = urlsplit(address)
    path = _path(address)
    if parts.netloc not in {"", "localhost"} or not path.is_absolute() or parts.query:
        what = f"{one_line(address)} is no address of a file on this machine"
        raise MessageError(what, remedy="Write it as file:///folder/document.xml")
    try:
        path = path.resolve(strict=True)
        if not any(path.is_relative_to(folder.resolve()) for folder in folders):
            raise _foreign(address)
        with open(path, "rb", opener=_open) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                what = f"{one_line(address)} is no regular file"
                raise MessageError(what, remedy="Name a file that holds the message")
            data = file.read(longest + 1)
    except (OSError, RuntimeError, ValueError) as error:
        # RuntimeError: a loop of links; ValueError: a NUL in the name.
        what = f"{one_line(address)} can't be read: {getattr(error, 'strerror', None) or error}"
        raise MessageError(what, remedy="Name a file that is there and may be read") from error
    if len(data) > longest:
        raise _too_large(address, longest)
    return data


def _open(path: str, flags: int) -> int:
    """Open without waiting, as a pipe with nobody at its other end would make one wait."""
    return os.open(path, flags | os.O_NONBLOCK)


def _read_s3(address: str, longest: int) -> bytes:
    # Imported late: no other form of message needs it.
    from obstore.exceptions import BaseError, InvalidPathError  # noqa: PLC0415 - as above

    from flows.s3 import open_bucket  # noqa: PLC0415 - as above

    parts = urlsplit(address)
    key = parts.path.lstrip("/")
    if not parts.netloc or not key or parts.query or parts.fragment:
        what = f"{one_line(address)} is no address of an object"
        raise MessageError(what, remedy="Write it as s3://bucket/key")
    try:
        found = open_bucket(parts.netloc, client=_S3_CLIENT, retry=_S3_RETRY).get(key)
        if found.meta["size"] > longest:
            raise _too_large(address, longest)
        return bytes(found.bytes())
    except (FileNotFoundError, InvalidPathError) as error:
        what = f"{one_line(address)} is not there"
        raise MessageError(what, remedy="Put the message there first") from error
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        what = f"{one_line(address)} can't be read just now: {reason}"
        remedy = "Check the network and the credentials, then run it again"
        raise StorageError(what, remedy=remedy, path=address) from error

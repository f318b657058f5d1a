"""Messages between a run's owner and its forked notebook: JSON in UTF-8 behind its length."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

_LENGTH: Final = struct.Struct("!Q")

Message = dict[str, Any]


class TooLarge(ValueError):
    """A message that is longer than it may be begins here; nothing after it can be read."""


def pack(message: Message, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return `message` as bytes; `default` gives JSON for what has none, as `json.dumps` has it.

    Half a surrogate pair that stands for a byte (PEP 383) becomes that byte, as in a kernel.
    """
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, default=default)
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        data = text.encode(errors="replace")
    return _LENGTH.pack(len(data)) + data


def receive(connection: socket.socket) -> Message | None:
    """Wait for one message of a peer that is trusted; None where the peer is gone."""
    head = _exactly(connection, _LENGTH.size)
    body = head and _exactly(connection, *_LENGTH.unpack(head))
    return _unpack(body) if body else None


class Unpacker:
    """Cuts a stream into messages of at most `largest_bytes` each."""

    def __init__(self, largest_bytes: int) -> None:
        self._largest_bytes = largest_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are whole with `data`.

        Raises:
            TooLarge: a message begins that is longer than may be.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > self._largest_bytes:
                raise TooLarge
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _unpack(body)


def _unpack(body: bytes) -> Message:
    message: Message = json.loads(body.decode(errors="replace"))
    return message


def _exactly(connection: socket.socket, count: int) -> bytes:
    """Return `count` bytes; none where the peer is gone before."""
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(min(count - len(data), 1 << 20))
        if not piece:
            return b""
        data += piece
    return bytes(data)

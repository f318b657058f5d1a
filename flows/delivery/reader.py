"""Reads a mail server's replies, each within its time, and notices what was not asked for.

smtplib's reader would wait anew for each part of a reply, and can't say whether it holds a reply
that nobody has asked for. Such a one, taken for the answer to the next command, would in the end
count a mail as accepted that never was.
"""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING, Final

from flows.delivery.replies import SERVICE_CLOSING, Reply

if TYPE_CHECKING:
    import socket

# More than a TLS record holds, so that nothing is left inside of the TLS layer, unseen.
_CHUNK: Final = 1 << 15
_LONGEST_REPLY: Final = 1 << 16
_CODE_DIGITS: Final = 3


class ConnectionLost(Exception):
    """The server hung up, fell silent, broke the protocol or said 421, its `reply` then."""

    def __init__(self, why: str, reply: Reply | None = None) -> None:
        super().__init__(why)
        self.reply = reply


class ReplyReader:
    """Replies from `sock`, one after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._speech = selectors.DefaultSelector()
        self._speech.register(sock, selectors.EVENT_READ)

    def close(self) -> None:
        """Let go of what the system keeps for this reader; the socket stays open."""
        self._speech.close()

    def expect_silence(self) -> None:
        """Make sure that the server has said no more than it was asked.

        Raises:
            ConnectionLost: it has hung up, or what it says next would answer nothing.
        """
        if self._buffer or self._speech.select(0):
            raise ConnectionLost("the server hung up or spoke out of turn")

    def reply(self, within: float) -> Reply:
        """Return the next reply, whole, within so many seconds.

        Raises:
            ConnectionLost: there is none, or it is 421.
        """
        deadline = time.monotonic() + within
        texts: list[bytes] = []
        more = b"-"
        while more == b"-":
            line = self._line(deadline)
            code, more, text = line[:3], line[3:4], line[4:]
            if not (len(code) == _CODE_DIGITS and code.isdigit()) or more not in b" -":
                raise ConnectionLost("the server said what is no reply")
            texts.append(text)
            if sum(map(len, texts)) > _LONGEST_REPLY:
                raise ConnectionLost("the server's reply does not end")
        reply = Reply.read(int(code), b" ".join(texts))
        if reply.code == SERVICE_CLOSING:
            raise ConnectionLost(str(reply), reply)
        return reply

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ConnectionLost("the server did not answer in time")
            if len(self._buffer) > _LONGEST_REPLY:
                raise ConnectionLost("the server's reply does not end")
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(_CHUNK)
            except OSError as error:
                raise ConnectionLost(str(error)) from error
            if not data:
                raise ConnectionLost("the server hung up")
            self._buffer += data
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

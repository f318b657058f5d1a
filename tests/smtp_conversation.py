"""The server's half of SMTP on one connection, with faults on request; `smtp_sink` serves it."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_END = b"\r\n.\r\n"
_STUFFED_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass
class Fault:
    """What goes wrong `times` times at a step, for one recipient or for whoever comes.

    Steps: connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, body (its first bytes have come) and dot
    (the mail has come whole). `reply` is said instead of the usual one after `delay_seconds`; None
    closes the connection without a word, 421 closes it after the word. At the dot, `taken` keeps
    the mail all the same, as a server does that dies after its commit.
    """

    at: str
    reply: str | None
    address: str | None = None
    times: int = 1
    delay_seconds: float = 0
    taken: bool = False


@dataclass(frozen=True)
class Mail:
    """A mail that was taken, with the dots as they were before the wire, and how it came."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    encrypted: bool
    user: str | None


@dataclass
class Behaviour:
    """What the server offers, what will go wrong, and what it has seen.

    `keep` is handed each mail that is taken. STARTTLS is offered where there is a `tls` context,
    AUTH where there is a `password`. `delay_seconds` pass before a mail is taken.
    """

    keep: Callable[[Mail], None]
    faults: list[Fault] = field(default_factory=list)
    pipelining: bool = True
    tls: ssl.SSLContext | None = None
    password: str | None = None
    delay_seconds: float = 0
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    def fault(self, at: str, address: str | None = None) -> Fault | None:
        """Return the fault that is due at this step, once less often than before."""
        for fault in self.faults:
            if fault.at == at and fault.times > 0 and fault.address in {None, address}:
                fault.times -= 1
                return fault
        return None


class Conversation(asyncio.Protocol):
    """Commands by lines, and after DATA a mail up to its dot."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._buffer = bytearray()
        self._is_encrypted = False
        self._is_held = False
        self._in_data = False
        self._user: str | None = None
        self._sender = ""
        self._recipients: list[str] = []
        self._verbs = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "QUIT": self._quit,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._is_encrypted = transport.get_extra_info("sslcontext") is not None
        self._behaviour.connections += 1
        self._answer("connect", "220 sink.example ESMTP")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _work(self) -> None:
        """Take what has come, as far as it goes."""
        while self._buffer and not self._is_held and not self._transport.is_closing():
            if self._in_data:
                if not self._body():
                    return
                continue
            line, newline, rest = self._buffer.partition(b"\r\n")
            if not newline:
                return
            self._buffer = rest
            self._command(line.decode("latin-1"))

    def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        self._behaviour.commands.append(line)
        handle = self._verbs.get(verb.upper())
        if handle is None:
            self._say("502 5.5.2 unknown command")
        else:
            handle(rest)

    def _ehlo(self, _: str) -> None:
        offers = ["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 50000000"]
        offers += ["PIPELINING"] * self._behaviour.pipelining
        offers += ["STARTTLS"] * (self._behaviour.tls is not None and not self._is_encrypted)
        offers += ["AUTH PLAIN"] * (self._behaviour.password is not None)
        lines = [
            "250-sink.example",
            *(f"250-{offer}" for offer in offers[:-1]),
            f"250 {offers[-1]}",
        ]
        self._answer("EHLO", "\r\n".join(lines))

    def _starttls(self, _: str) -> None:
        if self._answer("STARTTLS", "220 2.0.0 go ahead"):
            # What came in the clear after the command is no part of the secured session.
            self._buffer.clear()
            self._is_held = True
            self._upgrading = asyncio.ensure_future(self._upgrade())

    async def _upgrade(self) -> None:
        tls = self._behaviour.tls
        assert tls is not None
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._transport, self, tls, server_side=True)
        except OSError:
            self._transport.abort()
            return
        self._transport = cast("asyncio.Transport", secured)
        self._is_encrypted, self._is_held = True, False
        self._work()

    def _auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        if password != self._behaviour.password:
            self._say("535 5.7.8 authentication failed")
        elif self._answer("AUTH", "235 2.7.0 welcome"):
            self._user = user

    def _mail(self, rest: str) -> None:
        if self._sender:
            self._say("503 5.5.1 nested MAIL command")
        elif self._answer("MAIL", "250 2.1.0 ok"):
            self._sender = _address(rest)

    def _rcpt(self, rest: str) -> None:
        if self._answer("RCPT", "250 2.1.5 ok", _address(rest)):
            self._recipients.append(_address(rest))

    def _data(self, _: str) -> None:
        if not self._recipients:
            self._answer("DATA without recipients", "503 5.5.1 no recipients")
        elif self._answer("DATA", "354 go ahead", self._recipients[-1]):
            self._in_data = True

    def _rset(self, _: str) -> None:
        self._sender, self._recipients = "", []
        self._say("250 2.0.0 ok")

    def _quit(self, _: str) -> None:
        self._say("221 2.0.0 bye")
        self._transport.close()

    def _body(self) -> bool:
        """Take the mail, if it has come whole."""
        address = self._recipients[-1] if self._recipients else None
        fault = self._behaviour.fault("body", address)
        if fault is not None:
            self._misbehave(fault)
            return False
        if self._buffer.startswith(b".\r\n"):
            data, self._buffer = b"", self._buffer[3:]
        else:
            # A mail's end is near the end of what has come; searching from there costs little.
            end = self._buffer.find(_END, max(0, len(self._buffer) - 4096))
            if end < 0 or self._buffer.find(_END, 0, end) >= 0:
                end = self._buffer.find(_END)
            if end < 0:
                return False
            data, self._buffer = bytes(self._buffer[: end + 2]), self._buffer[end + len(_END) :]
        self._in_data = False
        self._dot(data, address)
        return True

    def _dot(self, data: bytes, address: str | None) -> None:
        fault = self._behaviour.fault("dot", address)
        recipients, self._recipients = tuple(self._recipients), []
        sender, self._sender = self._sender, ""
        if not recipients:
            self._say("554 5.5.1 no valid recipients")
            return
        if fault is None or fault.taken:
            if data.startswith(b".") or b"\n." in data:
                data = _STUFFED_DOT.sub(b"", data)
            self._behaviour.keep(Mail(sender, recipients, data, self._is_encrypted, self._user))
        if fault is not None:
            self._misbehave(fault)
        elif self._behaviour.delay_seconds:
            self._later(self._behaviour.delay_seconds, "250 2.0.0 taken")
        else:
            self._say("250 2.0.0 taken")

    def _answer(self, at: str, usual: str, address: str | None = None) -> bool:
        """Say what is usual at this step, or do what its fault wants; return which."""
        fault = self._behaviour.fault(at, address)
        if fault is None:
            self._say(usual)
        else:
            self._misbehave(fault)
        return fault is None

    def _misbehave(self, fault: Fault) -> None:
        if fault.delay_seconds:
            self._later(fault.delay_seconds, fault.reply)
        elif fault.reply is None:
            self._transport.close()
        else:
            self._say(fault.reply)
            # "354" to a mail without recipients: RFC 2920 knows such servers.
            self._in_data = fault.reply.startswith("354")

    def _later(self, seconds: float, reply: str | None) -> None:
        self._is_held = True
        asyncio.get_running_loop().call_later(seconds, self._resume, reply)

    def _resume(self, reply: str | None) -> None:
        self._is_held = False
        if self._transport.is_closing():
            return
        if reply is None:
            self._transport.close()
        else:
            self._say(reply)
            self._work()

    def _say(self, reply: str) -> None:
        self._transport.write(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            self._transport.close()


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]

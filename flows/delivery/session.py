"""One SMTP connection that carries many mails, each in three steps, so that its sender can commit.

    offer, wait_for_go   MAIL, RCPT and DATA: the server says whether it wants the mail
    send                 the mail up to its last line
    finish               the dot, by which the server takes the mail over

Where the server has PIPELINING (RFC 2920), the three commands are one write, which travels with the
dot of the mail before: one round trip for each mail instead of four.
"""

from __future__ import annotations

import smtplib
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from flows.delivery.reader import ConnectionLost, ReplyReader
from flows.delivery.replies import GO_AHEAD
from flows.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from flows.delivery.policy import Policy
    from flows.delivery.replies import Reply

_RSET: Final = b"RSET\r\n"
_DATA: Final = b"DATA\r\n"
_DOT: Final = b".\r\n"
_QUIT_SECONDS: Final = 5


class Session:
    """An open connection; `smtp` is greeted, secured and logged in. As a context, closes it.

    Raises:
        ConnectionLost: by every method that talks but `quit`.
    """

    def __init__(self, smtp: smtplib.SMTP, sender: str, policy: Policy) -> None:
        if smtp.sock is None:
            raise ConnectionLost("the connection was closed before its first mail")
        self.pipelining = smtp.has_extn("pipelining")
        self._smtp = smtp
        self._sock: socket.socket = smtp.sock
        self._sender = sender
        self._policy = policy
        self._takes_size = smtp.has_extn("size")
        self._commands: list[bytes] = []
        self._is_written = False
        self._in_transaction = False
        self._replies = ReplyReader(self._sock)
        # The dot is a small write after a large one, which Nagle's algorithm would hold back.
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._replies.close()
        self._smtp.close()

    def offer(self, recipient: str, size_bytes: int) -> None:
        """Name the next mail's recipient; written with the dot before it, or by `wait_for_go`."""
        size = f" SIZE={size_bytes}" if self._takes_size else ""
        self._commands = [
            f"MAIL FROM:<{self._sender}>{size}\r\n".encode("ascii"),
            f"RCPT TO:<{recipient}>\r\n".encode("ascii"),
            _DATA,
        ]
        if self._in_transaction:
            self._commands.insert(0, _RSET)
        self._is_written = False

    def wait_for_go(self) -> Reply | None:
        """Return None when the server wants the mail that was offered, else its refusal.

        Raises:
            DeliveryError: the server refuses the sender, and would refuse every mail.
        """
        refusal = None
        for command, reply in self._answers():
            if command == _RSET:
                continue
            if command == _DATA and reply.code == GO_AHEAD:
                if refusal is not None:
                    self._end_mail_to_nobody()
            elif (command == _DATA or not reply.is_good) and refusal is None:
                if not (reply.is_transient or reply.is_permanent):
                    raise ConnectionLost(f"the server is out of step: {reply}")
                refusal = reply
                if command.startswith(b"MAIL") and reply.is_permanent:
                    raise DeliveryError(
                        f"the mail server refuses mail from {self._sender}: {reply}",
                        remedy="Have the sender's address or domain verified there.",
                        reply=str(reply),
                    )
                if not self.pipelining:
                    break
        self._in_transaction = refusal is not None
        return refusal

    def send(self, mail: bytes) -> None:
        """Send the mail, of which no line begins with a dot, up to its last line."""
        self._write(mail)

    def finish(self) -> Reply | None:
        """Send the dot; return what became of the mail, or None where nobody will know.

        Raises:
            ConnectionLost: the dot was not sent, so the server has not taken the mail.
        """
        self._replies.expect_silence()
        self._sock.settimeout(self._policy.command_seconds)
        following = b"".join(self._commands) if self._commands and self.pipelining else b""
        try:
            sent = self._sock.send(_DOT + following)
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        if sent < len(_DOT):
            raise ConnectionLost("the server hung up at the end of the mail")
        # Its reply may be there all the same.
        with suppress(OSError):
            self._sock.sendall((_DOT + following)[sent:])
        self._is_written = bool(following)
        try:
            return self._replies.reply(self._policy.reply_seconds)
        except ConnectionLost as lost:
            return lost.reply

    def quit(self) -> None:
        """Take leave, if the server still listens."""
        with suppress(OSError, smtplib.SMTPException):
            self._sock.settimeout(_QUIT_SECONDS)
            self._smtp.quit()

    def _answers(self) -> Iterator[tuple[bytes, Reply]]:
        """Yield each command of the offer with its reply; write them as far as they are not yet."""
        commands, self._commands = self._commands, []
        if self.pipelining and not self._is_written:
            self._replies.expect_silence()
            self._write(b"".join(commands))
        for command in commands:
            if not self.pipelining:
                self._replies.expect_silence()
                self._write(command)
            yield command, self._replies.reply(self._policy.command_seconds)

    def _end_mail_to_nobody(self) -> None:
        """Send the dot alone to a server that wants a mail without recipients (RFC 2920, 3.1)."""
        self._write(_DOT)
        self._replies.reply(self._policy.command_seconds)

    def _write(self, data: bytes) -> None:
        self._sock.settimeout(self._policy.command_seconds)
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise ConnectionLost(str(error)) from error

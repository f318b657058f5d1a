"""The other side of the crash rig: an SMTP server as a process of its own, which outlives senders.

Each mail that it takes becomes a line in its log, `recipient Message-ID`, before the sender hears
of it.
"""

from __future__ import annotations

import smtplib
from contextlib import contextmanager
from email.parser import BytesParser
from typing import TYPE_CHECKING

from ledger_sender import FORKS
from smtp_sink import HOST, Sink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path
    from typing import BinaryIO

    from smtp_conversation import Fault, Mail


class MailServer:
    """The running server: where it listens, and what it has taken."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log
        self._file = log.open("rb")
        self._lines = 0

    def count(self) -> int:
        """Return how many mails were taken so far; cheap, to be asked over and over."""
        self._lines += self._file.read().count(b"\n")
        return self._lines

    def mails(self) -> list[tuple[str, str]]:
        """Return recipient and Message-ID of each mail, with those that the dead have sent."""
        # The server serves connections in turn: what was there before this one has been seen.
        with smtplib.SMTP(HOST, self.port) as smtp:
            smtp.noop()
        lines = self._log.read_text(encoding="ascii").splitlines()
        return [(email, identifier) for email, identifier in map(str.split, lines)]


@contextmanager
def serving(
    log: Path, *, faults: Sequence[Fault] = (), pipelining: bool = True
) -> Iterator[MailServer]:
    """Run a server while the context lasts."""
    log.touch()
    ours, theirs = FORKS.Pipe()
    process = FORKS.Process(target=_serve, args=(log, faults, pipelining, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield MailServer(ours.recv(), log)
    finally:
        ours.close()
        process.join()


def _serve(log: Path, faults: Sequence[Fault], pipelining: bool, parent: Connection) -> None:  # noqa: FBT001 — a process takes them by position
    with log.open("ab", buffering=0) as file, Sink(faults, pipelining=pipelining) as sink:
        sink.behaviour.keep = lambda mail: _keep(file, mail)
        parent.send(sink.port)
        # Raises EOFError, or returns, once the parent is done or dead.
        parent.poll(None)


def _keep(file: BinaryIO, mail: Mail) -> None:
    headers = BytesParser().parsebytes(mail.data, headersonly=True)
    file.write(f"{' '.join(mail.recipients)} {headers['Message-ID']}\n".encode("ascii"))

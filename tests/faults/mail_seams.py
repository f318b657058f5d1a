"""Where a send can be stopped dead: each call to its ledger, each read and write of its sockets.

`deliver` is given a ledger and a way to connect. Both are wrapped here, from outside, so what runs
between the steps is the product as it is.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import smtplib
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from flows.delivery.ledger import Claim, Entry, Ledger, Recipient, Result

# In the order in which the first mail passes them.
STEPS = (
    "before enroll",
    "amid enroll",
    "after enroll",
    "before claim",
    "after claim",
    "after connect",
    "before commands",
    "after commands",
    "before body",
    "amid body",
    "after body",
    "before begin",
    "after begin",
    "before dot",
    "after dot",
    "after reply",
    "before settle",
    "after settle",
)


@dataclass
class Stop:
    """At the `nth` time (from 1) that a step is passed, the process sends itself a signal."""

    step: str
    nth: int = 1
    signal: signal.Signals = signal.SIGKILL
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        assert self.step in STEPS

    def __reduce__(self) -> tuple[object, ...]:
        return Stop, (self.step, self.nth, self.signal)

    def passing(self, step: str) -> None:
        """Take note that a step is passed."""
        if step != self.step:
            return
        with self._lock:
            self.nth -= 1
            is_now = self.nth == 0
        if is_now:
            # SIGSTOP to the process may be taken by another thread while this one goes on.
            signal.pthread_kill(threading.get_ident(), self.signal)


class WatchedLedger:
    """A ledger whose calls are steps."""

    def __init__(self, ledger: Ledger, stop: Stop) -> None:
        self._ledger = ledger
        self._stop = stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def enroll(self, entry: Entry, recipients: Sequence[Recipient]) -> bool:
        """Enrol; "amid" is when half of the recipients were handed over."""
        return self._step("enroll", self._ledger.enroll, entry, self._amid(recipients))

    def claim(self, *args: Any, **options: Any) -> list[Claim]:
        """Claim."""
        return self._step("claim", self._ledger.claim, *args, **options)

    def begin(self, claims: Sequence[Claim], results: Sequence[Result] = ()) -> list[Claim]:
        """Begin."""
        return self._step("begin", self._ledger.begin, claims, results)

    def settle(self, results: Sequence[Result]) -> None:
        """Settle."""
        self._step("settle", self._ledger.settle, results)

    def _amid(self, recipients: Sequence[Recipient]) -> Iterator[Recipient]:
        for number, recipient in enumerate(recipients):
            if number == len(recipients) // 2:
                self._stop.passing("amid enroll")
            yield recipient

    def _step(self, name: str, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        self._stop.passing(f"before {name}")
        answer = call(*args, **options)
        self._stop.passing(f"after {name}")
        return answer


def watch(smtp: smtplib.SMTP, stop: Stop) -> smtplib.SMTP:
    """Return the open connection; what goes over it from now on are steps."""
    stop.passing("after connect")
    smtp.sock = _WatchedSocket(smtp.sock, stop)
    # smtplib makes it anew from the socket at its next read.
    smtp.file = None
    return smtp


class _WatchedSocket:
    """A socket of which smtplib reads lines, and `Session` writes commands, bodies and dots."""

    def __init__(self, sock: socket.socket, stop: Stop) -> None:
        self._sock = sock
        self._stop = stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send commands, or a mail up to its dot, in two halves."""
        is_mail = b"\r\nMessage-ID: " in data
        self._stop.passing("before body" if is_mail else "before commands")
        half = len(data) // 2 if is_mail else 0
        self._sock.sendall(data[:half])
        if is_mail:
            self._stop.passing("amid body")
        self._sock.sendall(data[half:])
        self._stop.passing("after body" if is_mail else "after commands")

    def send(self, data: bytes) -> int:
        """Send the dot, and what travels with it."""
        self._stop.passing("before dot")
        sent = self._sock.send(data)
        self._stop.passing("after dot")
        return sent

    def makefile(self, *args: Any) -> _WatchedFile:
        """Return what smtplib reads lines from."""
        return _WatchedFile(self._sock.makefile(*args), self._stop)


class _WatchedFile:
    def __init__(self, file: Any, stop: Stop) -> None:
        self._file = file
        self._stop = stop

    def readline(self, *args: Any) -> bytes:
        line = self._file.readline(*args)
        self._stop.passing("after reply")
        return line

    def close(self) -> None:
        self._file.close()

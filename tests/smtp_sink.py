"""A real SMTP server on loopback that keeps what it takes and misbehaves on request.

In a test, in a thread of its own:

    with Sink([Fault("RCPT", "450 4.2.0 later", address="b@reader.example")]) as sink:
        smtplib.SMTP("127.0.0.1", sink.port) …
        sink.mails

As a process, for benchmarks and crash rigs; it prints its port, and logs each mail that it takes as
a line `recipient Message-ID`:

    python tests/smtp_sink.py --log FILE [--delay SECONDS] [--plain]
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from smtp_conversation import Behaviour, Conversation, Fault, Mail

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

__all__ = ["HOST", "Fault", "Mail", "Sink"]

HOST = "127.0.0.1"
_MESSAGE_ID = re.compile(rb"^Message-ID: <([^>]*)>", re.MULTILINE | re.IGNORECASE)
_LONGEST_HEADERS = 8192


class Sink:
    """The server in a thread of its own, as a context manager; `port` is where it listens."""

    port: int

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        pipelining: bool = True,
        tls: ssl.SSLContext | None = None,
        tls_at_once: bool = False,
        password: str | None = None,
        delay_seconds: float = 0,
    ) -> None:
        self.mails: list[Mail] = []
        self.behaviour = Behaviour(
            self.mails.append,
            list(faults),
            pipelining=pipelining,
            tls=tls,
            password=password,
            delay_seconds=delay_seconds,
        )
        self._tls_at_once = tls if tls_at_once else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        serving = _serve(self.behaviour, tls=self._tls_at_once)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def commands(self) -> list[str]:
        """Every command line that came, of all connections."""
        return self.behaviour.commands

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        return self.behaviour.connections

    @property
    def recipients(self) -> list[str]:
        """Who got a mail, once for each, in order of their addresses."""
        return sorted(address for mail in self.mails for address in mail.recipients)


async def _serve(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Conversation(behaviour), HOST, port, ssl=tls)


async def _main(options: argparse.Namespace) -> None:
    with options.log.open("ab", buffering=0) as log:

        def keep(mail: Mail) -> None:
            found = _MESSAGE_ID.search(mail.data[:_LONGEST_HEADERS])
            identifier = found.group(1).decode() if found else "-"
            log.write(f"{' '.join(mail.recipients)} {identifier}\n".encode())

        behaviour = Behaviour(keep, pipelining=not options.plain, delay_seconds=options.delay)
        server = await _serve(behaviour, port=options.port)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An SMTP server that logs what it takes.")
    parser.add_argument("--log", type=Path, required=True, help="file of lines: recipient, id")
    parser.add_argument("--port", type=int, default=0, help="a free one if not given")
    parser.add_argument("--delay", type=float, default=0, help="seconds before each 250")
    parser.add_argument("--plain", action="store_true", help="do not offer PIPELINING")
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args()))

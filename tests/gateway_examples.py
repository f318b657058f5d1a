"""A gateway on a home of its own: asked without a socket, or served by uvicorn on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from documents import envelope
from flows.gateway.app import Health, Surroundings, create_app
from flows.gateway.inbox import Inbox
from flows.gateway.serving import configuration
from flows.settings import Settings

HOST = "127.0.0.1"
SITE = "https://letters.example"
WEBHOOK = "/webhooks/entsoe"
KEY = "k" * 32
SOAP = "application/soap+xml; charset=utf-8"
SAMPLE = (Path(__file__).parent.parent / "notebooks/samples/wind_solar_DE_LU.xml").read_text()
DOCUMENT = SAMPLE.partition("?>")[2].strip()
PUSH = envelope(DOCUMENT)


class Pages(dict):
    """An archive in memory: what the gateway needs of a store, a dictionary has."""


class Gateway:
    """A gateway and all that surrounds it; `told` counts the pushes it told of."""

    def __init__(
        self,
        inbox=None,
        archive=None,
        unsubscribe=(),
        health=None,
        metrics=None,
        on_push=None,
        **settings,
    ):
        self.options = Settings(**settings)
        self.inbox = inbox or Inbox(self.options.inbox_file)
        self.told = 0
        self.app = create_app(
            self.options,
            Surroundings(
                inbox=self.inbox,
                archive=Pages() if archive is None else archive,
                health=health or (lambda: Health(ok=True, parts={})),
                metrics=metrics or (lambda: (b"up 1\n", "text/plain; version=1.0.0")),
                on_push=on_push or self._tell,
                unsubscribe=unsubscribe,
            ),
        )

    def _tell(self):
        self.told += 1

    @property
    def bodies(self):
        """What is in the inbox, oldest first."""
        return [message.body for message in self.inbox.waiting(1000)]

    def request(self, method, where, **options):
        """Ask the application without a socket."""

        async def ask():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
                return await client.request(method, where, **options)

        return asyncio.run(ask())

    def get(self, where, **options):
        """GET it."""
        return self.request("GET", where, **options)

    def push(self, content, content_type=SOAP, where=WEBHOOK, **headers):
        """POST it to the webhook; `_` in a header's name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(
            "POST", where, content=content, headers={"Content-Type": content_type} | named
        )


async def call(app, method, path, receive, headers=()):
    """Return what the application sends when it is asked for a path that no client would send."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": list(headers),
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent


@contextmanager
def served(app, log_level="error"):
    """Serve the application as `gridletter serve` does, in a thread; yield its port."""
    server = uvicorn.Server(configuration(app, log_level=log_level))
    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()

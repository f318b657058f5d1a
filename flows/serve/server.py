"""The process that is a Prefect server: API, services and pages, on loopback.

Prefect's SQLite transactions read first and take the write lock later; where somebody else wrote
in between, SQLite refuses, the API answers 503, and the client that was refused sleeps for two
seconds. Measured with two runners, a flow run lost 2 to 4 s so. Here a transaction takes the lock
first, in turn (SQLite itself lets waiters sleep, and who comes late may be first), and a 503 says
how soon it is worth asking again.

A run that an automation has created is announced to the runners by a bell, as they would learn of
it only at their next question.

Each action of an automation asks for the running app, and Prefect looks that up by a hash of all
its settings, which takes a tenth of a second of the one thread that serves all. Here it is at hand.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from prefect.server.api import server
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from starlette.datastructures import MutableHeaders

from flows.serve.bell import Bell
from flows.serve.uvicorn_server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flows.serve.child import Child

# Websockets to runners stay open for ever; nothing is lost when they are cut.
_LAST_REQUESTS_SECONDS: Final = 3
# Longer than our clients are idle, so that none asks on a connection that is just being closed.
_IDLE_SECONDS: Final = 75
_AGAIN_SECONDS: Final = 0.1
_SERVICE_UNAVAILABLE: Final = 503
_CREATES_A_RUN: Final = "/create_flow_run"


def run(child: Child) -> None:
    """Serve Prefect's API until SIGTERM."""
    url = get_current_settings().server.database.connection_url
    if url is not None:
        set_database_config(LockFirst(url.get_secret_value()))
    app = server.create_app(final=True)
    app.add_middleware(AskAgainSoon)
    app.add_middleware(Announce, bell=Bell(child.bell))
    keep_at_hand(app)
    # Most of what is alive here stays alive: looking through all of it often took a tenth of the
    # server's time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
    )
    Server(config, child).serve_inherited()


def keep_at_hand(app: FastAPI) -> None:
    """Have Prefect's own clients in this process find the running app without looking it up."""
    server.create_app = lambda: app  # type: ignore[assignment,misc]


class LockFirst(AioSqliteConfiguration):
    """SQLite whose transactions begin with the write lock, in turn, so that none is refused later.

    All of the server's transactions are in one event loop.
    """

    def __init__(self, connection_url: str) -> None:
        super().__init__(connection_url)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG002, FBT001, FBT002 - Prefect's signature
    ) -> AsyncIterator[AsyncSessionTransaction]:
        """Begin, as if for an update, when it is this one's turn."""
        async with (
            self._turn,
            super().begin_transaction(session, with_for_update=True) as transaction,
        ):
            yield transaction


class Announce:
    """Middleware: the bell rings for each flow run that was created from a deployment."""

    def __init__(self, app: ASGIApp, bell: Bell) -> None:
        self._app = app
        self._bell = bell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        await self._app(scope, receive, send)
        if scope["type"] == "http" and scope["path"].endswith(_CREATES_A_RUN):
            self._bell.ring()


class AskAgainSoon:
    """Middleware: a 503 of a busy database has a Retry-After, which Prefect's clients heed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] == _SERVICE_UNAVAILABLE and "Retry-After" not in headers:
                    headers["Retry-After"] = str(_AGAIN_SECONDS)
            await send(message)

        await self._app(scope, receive, sending)

"""How uvicorn serves the gateway: no path in a log, and nobody keeps a connection by dawdling."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.applications import Starlette

HEAD_SECONDS: Final = 10
MOST_CONNECTIONS: Final = 1000
IDLE_SECONDS: Final = 5
LAST_SECONDS: Final = 10

_TCP: Final = (socket.AF_INET, socket.AF_INET6)


class PromptProtocol(H11Protocol):
    """Closes a connection on which no whole head of a request comes within `HEAD_SECONDS`.

    uvicorn bounds the time between two requests, but not that of a request line or a header; of a
    body, and of one that nobody reads any more, the application bounds it.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        # asyncio does it only where a listening socket was made with its protocol's number; else
        # an answer, which is written in two parts, waits 40 ms for the first one's receipt.
        connection = transport.get_extra_info("socket")
        if connection.family in _TCP:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def on_response_complete(self) -> None:
        """Begin to wait for the next head."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        if self._patience is not None:
            self._patience.cancel()

    def _wait(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(HEAD_SECONDS, self._lose_patience)

    def _lose_patience(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def configuration(app: Starlette, **options: Any) -> Config:  # noqa: ANN401 - uvicorn's own
    """Return what `uvicorn.Server` takes; `options` are uvicorn's: host, port, fd, log_config …."""
    return Config(
        app,
        http=PromptProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
        **options,
    )

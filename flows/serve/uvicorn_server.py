"""A uvicorn server on a socket that the parent listens on."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from flows.serve.child import Child


class Server(uvicorn.Server):
    """Serves until SIGTERM; tells its parent when it takes requests."""

    def __init__(self, config: uvicorn.Config, child: Child) -> None:
        super().__init__(config)
        self._child = child

    def serve_inherited(self) -> None:
        """Serve on the socket that the parent keeps open."""
        self.run(sockets=[socket.socket(fileno=self._child.listening)])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the parent."""
        await super().startup(sockets=sockets)
        self._child.ready()

"""A gateway as a process of its own, to be killed, starved and measured."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import uvicorn

from flows.gateway.inbox import Inbox
from flows.gateway.serving import configuration
from gateway_examples import HOST, SOAP, WEBHOOK, Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

# Its children have all modules already: a gateway is there again in a moment.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["flows.gateway.app", "flows.gateway.inbox", "flows.gateway.serving"])
SECONDS = 20


class GatewayProcess:
    """A gateway with its inbox in `folder`, at a port that stays its own when it is started again.

    The port is free while nobody listens, as with a server that is restarted.
    """

    def __init__(self, folder: Path, **settings: int | str) -> None:
        self.folder = folder
        self._settings = settings
        with socket.create_server((HOST, 0)) as reserved:
            self.port = reserved.getsockname()[1]
        self._process: BaseProcess

    @property
    def inbox(self) -> Inbox:
        """Open the inbox from here."""
        return Inbox(self.folder / "inbox.db")

    @property
    def memory_mb(self) -> float:
        """What the process holds in memory."""
        return psutil.Process(self._process.pid).memory_info().rss / 2**20

    def start(self) -> None:
        """Start it; it may take a moment until it listens."""
        self._process = FORKS.Process(
            target=_serve, args=(self.folder, self.port, self._settings), daemon=True
        )
        self._process.start()

    def kill(self) -> None:
        """End it as the kernel does when memory is out: at whatever it is about."""
        self._process.kill()
        self._process.join()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have it run, and listen, while the context lasts."""
        self.start()
        try:
            self.until_it_listens()
            yield
        finally:
            self.kill()

    def until_it_listens(self) -> None:
        """Wait for it."""
        while True:
            try:
                socket.create_connection((HOST, self.port)).close()
            except ConnectionRefusedError:
                assert self._process.is_alive()
            else:
                return

    def push(self, body: bytes, **headers: str) -> int | None:
        """Push once; return the answer's status, 0 where none came, None where nobody listened."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=SECONDS)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("POST", WEBHOOK, body, {"Content-Type": SOAP} | named)
            answer = connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            return None
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
        return answer.status


def _serve(folder: Path, port: int, settings: dict[str, int | str]) -> None:
    os.environ["GRIDLETTER_HOME"] = str(folder)
    uvicorn.Server(configuration(Gateway(**settings).app, host=HOST, port=port)).run()

"""A proxy before the stand-in for S3 that answers some requests as S3 does on a bad day."""

from __future__ import annotations

import http.client
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A status is answered instead of passing the request on; "lost" passes it on and drops the answer.
Fault = int | Literal["lost"]


class Proxy:
    """Passes requests on to `endpoint`, but for those that `faults` are left for."""

    def __init__(self, endpoint: str) -> None:
        self.host = urlsplit(endpoint).netloc
        self.faults: deque[Fault] = deque()
        self.method = "PUT"
        self.seen: list[str] = []

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer `request`, or not."""
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        self.seen.append(request.command)
        is_meant = request.command == self.method and self.faults
        fault = self.faults.popleft() if is_meant else None
        if isinstance(fault, int):
            text = b"<?xml version='1.0'?><Error><Code>Fault</Code></Error>"
            self._send(request, fault, {}, text)
            return
        onward = http.client.HTTPConnection(self.host)
        onward.request(request.command, request.path, body, dict(request.headers))
        response = onward.getresponse()
        content = response.read()
        onward.close()
        if fault == "lost":
            request.close_connection = True
            return
        self._send(request, response.status, dict(response.headers), content)

    def _send(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        request.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                request.send_header(name, value)
        length = headers.get("Content-Length") if request.command == "HEAD" else None
        request.send_header("Content-Length", length or str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)


@contextmanager
def proxied(endpoint: str) -> Iterator[tuple[str, Proxy]]:
    """Run a proxy before `endpoint` while the context lasts; yield its address and itself."""
    proxy = Proxy(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            """Answer one request of the connection."""
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            proxy.answer(self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def plan(proxy: Proxy, method: str, faults: Iterable[Fault]) -> None:
    """Let the next requests of `method` meet `faults`, one each, and forget what was seen."""
    proxy.method = method
    proxy.faults = deque(faults)
    proxy.seen.clear()

"""A stand-in for the Transparency Platform's REST API: real HTTP on loopback, faults on request.

    with PlatformStandin() as platform:
        platform.behave("slow_body")
        ...  # ask platform.url

Every figure in it is made up. A test module with `pytest_plugins = ("platform_standin",)` has it
as the fixture `platform_standin`, and `ask` to ask it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from flows.document import reference
from flows.document.zones import zone
from platform_documents import CAPACITY_MW
from platform_faults import BEHAVIOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from flows.document.zones import Zone


@dataclass(frozen=True)
class Asked:
    """One request as it came in: its path, and its query by name."""

    path: str
    query: Mapping[str, str]


class PlatformStandin:
    """Serves installed capacity (A68, process A33) until it is told to behave otherwise."""

    def __init__(self, api_key: str = "stand-in key, with /+&=% signs") -> None:
        self.api_key = api_key
        self.capacity_mw = {key: dict(values) for key, values in CAPACITY_MW.items()}
        self.requests: list[Asked] = []
        self.body: bytes | None = None
        self.closing = threading.Event()
        self._behaviour = "answer"
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.platform = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """The endpoint, as ENTSOE_ENDPOINT_URL takes it."""
        return f"http://127.0.0.1:{self._server.server_port}/api"

    def behave(self, how: str) -> None:
        """Do `how`, one of `BEHAVIOURS`, at each request from now on."""
        if how not in BEHAVIOURS:
            message = f"{how!r} is none of {sorted(BEHAVIOURS)}"
            raise ValueError(message)
        self._behaviour = how

    def answer_with(self, body: str) -> None:
        """Answer every request that the platform would accept with `body`, as it stands."""
        self.body = body.encode()

    def handle(self, handler: Handler) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        asked = Asked(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))
        self.requests.append(asked)
        BEHAVIOURS[self._behaviour](handler, asked)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    platform: PlatformStandin
    daemon_threads = True

    def handle_error(self, *_request: object) -> None:
        """Say nothing: clients that hang up are what the faults are for."""


class Handler(BaseHTTPRequestHandler):
    """One connection; it carries one request."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Let the stand-in answer, and end the connection."""
        self.close_connection = True
        self.server.platform.handle(self)

    def log_message(self, *_message: object) -> None:
        """Keep the tests' output clean."""

    def send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "text/xml",
        length: int | None = None,
        **headers: str,
    ) -> None:
        """Send an answer; `length` is what Content-Length claims."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, piece: bytes, seconds: float = 0.05) -> None:
        """Send `piece` again and again, each well inside of any limit on a single read."""
        while not self.server.platform.closing.wait(seconds):
            self.wfile.write(piece)
            self.wfile.flush()


# --- fixtures ------------------------------------------------------------------------------------


@pytest.fixture
def platform_standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlatformStandin]:
    """The stand-in, where entsoe-py looks for the platform, with no proxy in between."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with PlatformStandin() as platform:
        monkeypatch.setenv("ENTSOE_ENDPOINT_URL", platform.url)
        yield platform


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    """The folder, not there yet, where `ask` has answers kept."""
    return tmp_path / "cache"


@pytest.fixture
def ask(platform_standin: PlatformStandin, cache_folder: Path) -> Callable[..., dict[str, float]]:
    """Ask for installed capacity as the flow does; by default Germany–Luxembourg's of 2026."""

    def ask(where: str | Zone = "DE_LU", year: int = 2026, **options: Any) -> dict[str, float]:
        given = {
            "api_key": platform_standin.api_key,
            "cache_folder": cache_folder,
            "timeout_seconds": 5.0,
        }
        there = zone(where) if isinstance(where, str) else where
        return reference.installed_capacity(there, year, **(given | options))

    return ask

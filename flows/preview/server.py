"""A draft in the browser, on loopback: the shell with its frames, and the page as in the archive.

GET /            the shell; it loads itself again when there is something new
GET /events      tells it so (server-sent events)
GET /mail.eml    the message as it would go over the wire
GET /archive/…   the draft's page and its files; beneath them the archive, if there is one

A browser that is led here under another name (DNS rebinding) is refused by the Host header.
"""

from __future__ import annotations

import asyncio
import mimetypes
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from flows.archive import open_store
from flows.archive.paths import PAGE
from flows.issue.templating import csp_hash
from flows.preview.draft import Draft, has_archive
from flows.preview.frames import ENVIRONMENT, TEMPLATES, fragment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from flows.archive.store import Store
    from flows.preview.watch import Watch
    from flows.settings import Settings

HOST: Final = "127.0.0.1"

_NAMES: Final = [HOST, "localhost"]
_LOOK_SECONDS: Final = 0.1
_SHELL: Final = ENVIRONMENT.get_template("shell.html")
_SCRIPT: Final = (TEMPLATES / "shell.js").read_text("utf-8")
# A frame with its HTML in an attribute has this policy too: mails have styles and data: images.
_POLICY: Final = (
    f"default-src 'none'; script-src {csp_hash(_SCRIPT)}; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'"
)


def serve(watch: Watch, options: Settings, ready: Callable[[str], None]) -> None:
    """Serve what `watch` keeps until SIGINT or SIGTERM; `ready` is told the address.

    A port is taken that is free.
    """
    with closing(socket.create_server((HOST, 0))) as listening:
        server = _Server(watch, options)
        ready(f"http://{HOST}:{listening.getsockname()[1]}/")
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn, and what it serves: streams have to know when it is to end."""

    def __init__(self, watch: Watch, options: Settings) -> None:
        self._watch = watch
        self._archive = _store(options)
        app = Starlette(
            routes=[
                Route("/", self._shell),
                Route("/events", self._events),
                Route("/mail.eml", self._mail),
                Route("/archive/{path:path}", self._file),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_NAMES)],
        )
        super().__init__(
            uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="off", ws="none",
                timeout_graceful_shutdown=2,
            )
        )  # fmt: skip

    def _shell(self, _request: Request) -> Response:
        seen = self._watch.seen
        page, shown = "", ""
        if isinstance(seen.made, Draft):
            page = f"/archive/{seen.made.issue.path}/{PAGE}"
        if seen.made is not None:
            shown = fragment(seen.made, page_address=page)
        html = _SHELL.render(seen=seen, shown=shown, page=page, script=_SCRIPT)
        return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY, **_FRESH})

    def _events(self, _request: Request) -> Response:
        return StreamingResponse(self._versions(), media_type="text/event-stream", headers=_FRESH)

    async def _versions(self) -> AsyncIterator[str]:
        told = None
        while not self.should_exit:
            version = self._watch.seen.version
            if version != told:
                told = version
                yield f"data: {version}\n\n"
            await asyncio.sleep(_LOOK_SECONDS)

    def _mail(self, _request: Request) -> Response:
        made = self._watch.seen.made
        if not isinstance(made, Draft):
            return _nothing()
        return Response(made.mail, media_type="message/rfc822", headers=_FRESH)

    def _file(self, request: Request) -> Response:
        path = request.path_params["path"] or PAGE
        data = self._of_draft(path)
        if data is None and self._archive is not None:
            try:
                data = self._archive.get(path)
            except ValueError:  # no path of an archive
                data = None
        if data is None:
            return _nothing()
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return Response(data, media_type=kind, headers=_FRESH)

    def _of_draft(self, path: str) -> bytes | None:
        made = self._watch.seen.made
        if not isinstance(made, Draft):
            return None
        folder, _, name = path.rpartition("/")
        if folder != made.issue.path:
            return None
        return made.page if name == PAGE else made.rendering.files.get(name)


_FRESH: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _nothing() -> Response:
    return PlainTextResponse("This is not in the preview, and not in the archive.\n", 404)


def _store(options: Settings) -> Store | None:
    return open_store(options.archive_address) if has_archive(options) else None

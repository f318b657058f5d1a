"""The gateway's web application: pushes in; archive, unsubscribe page, health and metrics out.

POST /webhooks/entsoe[/<key>]   stores a push and answers it
GET, POST /unsubscribe/<token>  the page behind a mail's link, and the one click
GET /healthz                    200 or 503, and what is wrong, as JSON
GET /metrics                    for Prometheus
GET /…                          the archive

Whoever should not see health and metrics is kept out by the server in front. Errors are one line of
text. Paths of the first two hold secrets, so nothing here logs a path.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from flows.errors import StorageError
from flows.gateway import push, site
from flows.gateway.headers import DEFAULTS, DefaultHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from flows.archive.store import Store
    from flows.gateway.inbox import Inbox
    from flows.settings import Settings

RETRY_AFTER_SECONDS: Final = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and for each part what there is to say of it."""

    ok: bool
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gateway serves and tells.

    Attributes:
        inbox: Where pushes are stored.
        archive: What `/` serves.
        unsubscribe: The routes of `flows.gateway.unsubscribe`; none where mails carry no link.
        health: Asked, in a thread, each time that somebody wants to know.
        metrics: Likewise; returns the exposition and its content type.
        on_push: Called in the event loop when a push was stored; it must return at once.
    """

    inbox: Inbox
    archive: Store
    health: Callable[[], Health]
    metrics: Callable[[], tuple[bytes, str]]
    on_push: Callable[[], None]
    unsubscribe: Sequence[Route] = ()


def create_app(options: Settings, surroundings: Surroundings) -> Starlette:
    """Return the application.

    Raises:
        SettingsError: a webhook key can't be used.
    """

    async def healthz(_request: Request) -> Response:
        health = await run_in_threadpool(surroundings.health)
        return JSONResponse({"ok": health.ok, **health.parts}, 200 if health.ok else 503)

    async def metrics(_request: Request) -> Response:
        exposition, content_type = await run_in_threadpool(surroundings.metrics)
        return Response(exposition, headers={"Content-Type": content_type})

    return Starlette(
        routes=[
            *push.routes(options, surroundings.inbox, surroundings.on_push),
            *surroundings.unsubscribe,
            Route("/healthz", healthz),
            Route("/metrics", metrics),
            *site.routes(surroundings.archive),
        ],
        middleware=[Middleware(DefaultHeaders)],
        exception_handlers={StorageError: _unavailable, Exception: _failed},
    )


async def _unavailable(_request: Request, error: Exception) -> Response:
    _log.error("a request can't be served just now: %s", error)
    again = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return PlainTextResponse("this can't be done just now", 503, again)


async def _failed(_request: Request, _error: Exception) -> Response:
    # The server logs the error. What it answers is made outside of all middleware.
    return PlainTextResponse("this went wrong; the log says why", 500, DEFAULTS)

"""A stand-in for Prefect Cloud: a real Prefect server behind Cloud's paths, with its webhooks.

It has what only Cloud has, as Cloud's documentation and Prefect's own client describe it: addresses
below an account and a workspace, the work pool type `ecs:push`, the webhooks' API, and the webhooks
themselves, which render their template with Prefect's own template environment.
"""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from waiting import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

_WORKSPACE = f"accounts/{UUID(int=1)}/workspaces/{UUID(int=2)}"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Cloud:
    """The stand-in; `webhooks` are those of the workspace."""

    def __init__(self, server: str) -> None:
        self.webhooks: list[dict[str, Any]] = []
        self._server = httpx.AsyncClient(base_url=server, timeout=30)
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.url = f"{self.origin}/api"
        self.workspace_url = f"{self.url}/{_WORKSPACE}"

    def app(self) -> Starlette:
        """Return the application."""
        below = f"/api/{_WORKSPACE}"
        return Starlette(
            routes=[
                Route("/hooks/{slug}", self._hook, methods=_METHODS),
                Route(f"{below}/webhooks/filter", self._list, methods=["POST"]),
                Route(f"{below}/webhooks/", self._create, methods=["POST"]),
                Route(f"{below}/webhooks/{{id}}", self._update, methods=["PUT"]),
                Route("/api/collections/work_pool_types", self._types),
                Route(f"{below}/collections/work_pool_types", self._types),
                Route(f"{below}/{{path:path}}", self._forward, methods=_METHODS),
            ]
        )

    async def _forward(self, request: Request) -> Response:
        answer = await self._server.request(
            request.method,
            request.path_params["path"],
            params=request.query_params,
            content=await request.body(),
            headers={"content-type": request.headers.get("content-type", "application/json")},
        )
        return Response(answer.content, answer.status_code, media_type="application/json")

    async def _types(self, _request: Request) -> Response:
        metadata = (await self._server.get("collections/views/aggregate-worker-metadata")).json()
        push = metadata["prefect-aws"]["ecs"] | {"type": "ecs:push"}
        return JSONResponse(metadata | {"prefect-cloud": {"ecs:push": push}})

    async def _list(self, _request: Request) -> Response:
        return JSONResponse(self.webhooks)

    async def _create(self, request: Request) -> Response:
        made = {"id": str(uuid4()), "slug": secrets.token_urlsafe(16), "enabled": True}
        self.webhooks.append(made | await request.json())
        return JSONResponse(self.webhooks[-1], 201)

    async def _update(self, request: Request) -> Response:
        sent = await request.json()
        for webhook in self.webhooks:
            if webhook["id"] == request.path_params["id"]:
                webhook.update(sent)
                return Response(status_code=204)
        return Response(status_code=404)

    async def _hook(self, request: Request) -> Response:
        from prefect.server.utilities.user_templates import render_user_template

        slug = request.path_params["slug"]
        template = next(each["template"] for each in self.webhooks if each["slug"] == slug)
        text = (await request.body()).decode()
        context = {
            "method": request.method,
            "headers": request.headers,
            "body": _parsed(request.headers.get("content-type", ""), text),
        }
        try:
            event = json.loads(await render_user_template(template, context))
        except ValueError:
            return Response(status_code=400)
        from prefect.events import Event

        sent = Event.model_validate(event).model_dump(mode="json")
        answer = await self._server.post("events", json=[sent])
        return Response(status_code=204 if answer.is_success else 400)


def _parsed(content_type: str, text: str) -> Any:
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(text))
    try:
        return json.loads(text)
    except ValueError:
        return text


@contextmanager
def serving(server: str) -> Iterator[Cloud]:
    """Run the stand-in before a server; Prefect's clients in this process are logged in to it."""
    from prefect.settings import (
        PREFECT_API_KEY,
        PREFECT_API_URL,
        PREFECT_CLOUD_API_URL,
        temporary_settings,
    )

    cloud = Cloud(f"{server}/")
    port = int(cloud.origin.rpartition(":")[2])
    running = uvicorn.Server(uvicorn.Config(cloud.app(), port=port, log_level="warning"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started, 20, "the stand-in")
    try:
        with temporary_settings(
            updates={
                PREFECT_CLOUD_API_URL: cloud.url,
                PREFECT_API_URL: cloud.workspace_url,
                PREFECT_API_KEY: "pnu_testing",
            }
        ):
            yield cloud
    finally:
        running.should_exit = True
        thread.join()

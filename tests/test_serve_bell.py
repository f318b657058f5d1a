"""The bell by which the Prefect server of `serve` wakes a runner."""

from __future__ import annotations

import os

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from flows.serve.bell import Bell
from flows.serve.server import Announce

RUN = "/api/deployments/2f/create_flow_run"


@pytest.fixture
def ends():
    """Who hears, and who rings."""
    heard, rung = os.pipe()
    yield Bell(heard), Bell(rung)
    os.close(heard)
    os.close(rung)


def test_one_ring_is_for_one(ends):
    """Who waits first has the ring; the other waits on."""
    heard, rung = ends
    other = Bell(os.dup(heard._descriptor))
    rung.ring()
    assert heard.wait(5)
    assert not other.wait(0)
    os.close(other._descriptor)


def test_rings_are_kept(ends):
    """Rings while all runners are busy wake as many later."""
    heard, rung = ends
    for _ in range(3):
        rung.ring()
    assert [heard.wait(0) for _ in range(4)] == [True, True, True, False]


def test_nobody_hears(ends):
    """A server whose runners are all gone rings on, without waiting for them."""
    _, rung = ends
    for _ in range(200_000):
        rung.ring()


def test_there_is_none():
    """Beside another machine's server there is no bell."""
    assert not Bell(-1)


@pytest.mark.parametrize(
    ("method", "path", "rings"),
    [
        ("POST", RUN, True),
        ("POST", "/api/flow_runs/", False),
        ("POST", "/api/flow_runs/filter", False),
        ("GET", "/api/hello", False),
    ],
)
def test_the_server_rings_for_runs_of_deployments(ends, method, path, rings):
    """It rings once the run can be found; not for subflows, which have their process."""
    heard, rung = ends
    answered = []

    async def answer(_request):
        answered.append(heard.wait(0))
        return Response(status_code=201)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])

    async def ask():
        transport = httpx.ASGITransport(Announce(app, rung))
        async with httpx.AsyncClient(transport=transport, base_url="http://prefect") as client:
            await client.request(method, path)

    anyio.run(ask)
    assert answered == [False]
    assert heard.wait(0) == rings

"""The command `emit`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final
from uuid import uuid4

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.deploy import api
from flows.cli.shown import Json  # noqa: TC001 — typer reads it

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.events import Event

# The clocks of the API and of this machine may differ by that much.
_SKEW: Final = timedelta(seconds=60)
_LOOK_SECONDS: Final = 0.5
_FLOW: Final = "publish"


@app.command(epilog="Example: gridletter emit notebooks/samples/load_DE_LU_forecast.xml --wait 300")
def emit(
    source: Annotated[
        str, typer.Argument(metavar="FILE|-", help="An event message; - reads it from stdin.")
    ],
    *,
    wait: Annotated[
        int, typer.Option(min=0, help="Wait for the flow run to end, at most that many seconds.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Send a test event, as the webhook would for a push: the automation starts a flow run.

    It goes to the Prefect API that PREFECT_API_URL or the active profile names. A message too large
    for a flow run's parameter goes to GRIDLETTER_CLAIMS first, where the flow must be able to read.
    """
    options = settings.load()
    from flows.claims import Claims  # noqa: PLC0415 — brings the store's
    from flows.deploy.events import document_event  # noqa: PLC0415 — brings Prefect
    from flows.sources import read_message  # noqa: PLC0415 — brings the flow's imports

    body = read_message(source)
    digest = hashlib.sha256(body.encode()).hexdigest()
    parameter = Claims(options).parameter(f"emit-{uuid4()}", digest, body)
    event = document_event(parameter)
    say = _tell_nobody if as_json else print
    with api():
        run = _emit_and_wait(event, parameter, wait, say)
        page = None if run is None else _page(run)
    state = None if run is None else run.state
    told = {
        "event": str(event.id),
        "flow_run": run and str(run.id),
        "name": run and run.name,
        "state": state and state.name,
        "message": state and state.message,
        "prefect": page,
    }
    if as_json:
        print(json.dumps(told))
    elif wait:
        print(_sum(state, wait))
    raise typer.Exit(code=0 if not wait or (state is not None and state.is_completed()) else 1)


def _emit_and_wait(
    event: Event, parameter: str, seconds: int, say: Callable[[str], None]
) -> FlowRun | None:
    """Return the flow run that the event started, ended or as it then stands; None without one.

    What it comes to on the way is said as it happens: a container takes a minute to start.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415 — brings Prefect

    run: FlowRun | None = None
    said: str | None = None
    with get_client(sync_client=True) as client:
        # Equal messages may have been sent a moment ago; their runs are not ours.
        others = [run.id for run in _runs(client, event, parameter, [])]
        asyncio.run(_emit(event))
        say(f"event    {event.id} is sent")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if run is not None:
                run = client.read_flow_run(run.id)
            elif run := next(iter(_runs(client, event, parameter, others)), None):
                say(f"run      {run.name}  {_page(run) or ''}".rstrip())
            state = None if run is None else run.state
            if state is not None and state.name != said:
                said = state.name
                say(f"         {said}")
            if state is not None and state.is_final():
                break
            time.sleep(_LOOK_SECONDS)
    return run


def _page(run: FlowRun) -> str | None:
    """Return the run's page in Prefect, if it has pages."""
    from prefect.utilities.urls import url_for  # noqa: PLC0415 — brings Prefect

    return url_for("flow-run", obj_id=run.id)


def _sum(state: State | None, seconds: int) -> str:
    """Return what the wait came to, with what to do where it came to nothing."""
    if state is None:
        return (
            f"no flow run within {seconds} s: see whether the automation `gridletter: publish what "
            "is pushed` is on, and its log"
        )
    if state.is_scheduled() or state.is_pending():
        return f"not begun within {seconds} s: see whether a worker takes runs from the work pool"
    if not state.is_final():
        return f"not done within {seconds} s; it goes on without this command"
    if state.is_completed():
        return "done"
    return f"not done: {state.message or state.name}"


def _tell_nobody(_line: str) -> None:
    """Keep still: a machine reads one object."""


def _runs(
    client: SyncPrefectClient, event: Event, parameter: str, others: list[UUID]
) -> list[FlowRun]:
    from prefect.client.schemas.filters import (  # noqa: PLC0415 — brings Prefect
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterId,
    )

    recent = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[_FLOW])),
        flow_run_filter=FlowRunFilter(
            id=FlowRunFilterId(not_any_=others),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=event.occurred - _SKEW),
        ),
    )
    return [run for run in recent if run.parameters.get("event_msg") == parameter]


async def _emit(event: Event) -> None:
    from prefect.events.clients import get_events_client  # noqa: PLC0415 — brings Prefect

    # At a checkpoint the API has answered, so that the event is there when the command ends.
    async with get_events_client(checkpoint_every=1) as client:
        await client.emit(event)

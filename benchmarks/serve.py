"""From event to mail: a burst of events, beside Prefect's own way to serve a flow.

Both publish twenty documents with the same trivial notebook to the same mail server, one after the
other on the same Prefect server: `gridletter serve` takes pushes over HTTP and runs the flow in
warm processes; `flow.serve` starts a process for each flow run. Counted from the first push, or
event, to the last mail.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import httpx

from benchmarks.row import Aim, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

AIMS: Final = {
    "burst": Aim(0.3, "seconds for a burst of 20 events against flow.serve", upward=False)
}

_EVENTS: Final = 20
_FIRST_DAY_OF_SERVE: Final = 100
_SECONDS: Final = 600
_TESTS: Final = Path(__file__).parent.parent / "tests"
_LETTER: Final = "from flows import desk\ndesk.headline('Wind and sun')"
# As its documentation has it: a script that serves the flow, with the same trigger as ours.
_FLOW_SERVE: Final = textwrap.dedent("""
    from prefect.events import DeploymentEventTrigger
    from flows.publish import publish

    publish.serve(
        name="served",
        limit=20,
        triggers=[
            DeploymentEventTrigger(
                expect={"benchmark.document"},
                match={"prefect.resource.id": "benchmark"},
                parameters={"event_msg": "{{ event.payload.body }}"},
            )
        ],
    )
""")
_EMIT: Final = textwrap.dedent("""
    import sys
    from pathlib import Path
    from prefect.client.orchestration import get_client
    from prefect.events import Event

    with get_client(sync_client=True) as client:
        for file in sorted(Path(sys.argv[1]).iterdir()):
            event = Event(
                event="benchmark.document",
                resource={"prefect.resource.id": "benchmark"},
                payload={"body": file.read_text()},
            )
            client.request("POST", "/events", json=[event.model_dump(mode="json")])
""")


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`."""
    if "burst" not in names:
        return
    sys.path.insert(0, str(_TESTS))
    # The tests' own tools: the command with a mail server is what they start, too.
    rig, notebooks = import_module("serve_rig"), import_module("notebooks")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(_sink(folder / "mails.txt"))
        letters = folder / "letters"
        letters.mkdir()
        notebooks.write(letters, _LETTER)
        serving = rig.Serving(folder / "home", port, GRIDLETTER_NOTEBOOKS=str(letters))
        stack.enter_context(serving)
        ours = _pushed(rig, serving, folder / "mails.txt")
        theirs = _served(rig, serving, folder)
    raw = {"gridletter_serve_s": round(ours, 1), "flow_serve_s": round(theirs, 1)}
    yield AIMS["burst"].row("burst", ours / theirs, dict(raw))


def _pushed(rig: Any, serving: Any, mails: Path) -> float:  # noqa: ANN401 - tests have no types
    serving.push(rig.sample(_EVENTS))
    rig.until(lambda: _count(mails) == 1, _SECONDS)
    started = monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(serving.push, map(rig.sample, range(_EVENTS))))
    rig.until(lambda: _count(mails) == 1 + _EVENTS, _SECONDS)
    return monotonic() - started


def _served(rig: Any, serving: Any, folder: Path) -> float:  # noqa: ANN401 - likewise
    """Serve the flow beside, on the same Prefect server, so that both have the same one."""
    events = folder / "events"
    events.mkdir()
    environment = {**serving.environment, "PREFECT_API_URL": f"{serving.prefect}/api"}
    mails = folder / "mails.txt"
    with _running(_FLOW_SERVE, environment):
        rig.until(lambda: _is_polling(serving.prefect), _SECONDS)
        started = monotonic()
        for day in range(_EVENTS):
            text = rig.sample(_FIRST_DAY_OF_SERVE + day)
            (events / f"{day:02d}.xml").write_text(text, encoding="utf-8")
        emit = [sys.executable, "-c", _EMIT, str(events)]
        subprocess.run(emit, env=environment, check=True)  # noqa: S603 - our own interpreter
        rig.until(lambda: _count(mails) == 1 + 2 * _EVENTS, _SECONDS)
        return monotonic() - started


@contextmanager
def _running(source: str, environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-c", source]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _is_polling(prefect: str) -> bool:
    answer = httpx.get(f"{prefect}/api/deployments/name/publish/served")
    return answer.status_code == httpx.codes.OK and answer.json()["status"] == "READY"


def _count(mails: Path) -> int:
    return mails.read_bytes().count(b"\n")


@contextmanager
def _sink(log: Path) -> Iterator[int]:
    command = [sys.executable, str(_TESTS / "smtp_sink.py"), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield int(process.stdout.readline() if process.stdout else 0)
        finally:
            process.terminate()

"""From event to mail on a warm service: a burst of events, and one event at a time.

The burst is beside Prefect's own way to serve a flow. Both publish twenty documents with the same
trivial notebook to the same mail server, one after the other on the same Prefect server:
`gridletter serve` takes pushes over HTTP and runs the flow in warm processes; `flow.serve` starts a
process for each flow run. Counted from the first push, or event, to the last mail.

One event, of a trivial and of a realistic newsletter, is counted from its push over HTTP to its
mail, by turns with what the same notebook takes by the tools' own commands (see `tools`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

import httpx

from benchmarks import tools
from benchmarks.row import Aim, Row
from flows.document.zones import zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

AIMS: Final = {
    "burst": Aim(0.3, "seconds for a burst of 20 events against flow.serve", upward=False),
    "warm_trivial": Aim(
        0.1, "POST to mail, trivial notebook, against papermill + nbconvert", upward=False
    ),
    "warm_realistic": Aim(
        0.15, "POST to mail, realistic notebook, against papermill + nbconvert", upward=False
    ),
}

_EVENTS: Final = 20
_FIRST_DAY_OF_SERVE: Final = 100
_ROUNDS: Final = 5
_PUSHES_A_ROUND: Final = 3
_FIRST_DAY_ALONE: Final = 200
_SECONDS: Final = 600
_LOOK_SECONDS: Final = 0.005
# A run goes on for a moment after its mail: it refreshes the search and tells Prefect its end.
_ALONE_SECONDS: Final = 1
_TESTS: Final = Path(__file__).parent.parent / "tests"
_LETTER: Final = "from flows import desk\ndesk.headline('Wind and sun')"
# Two zones, so that a push is one newsletter's: the trivial one is about France.
_ZONES: Final = {"trivial": "FR", "realistic": "DE_LU"}
_GERMANY: Final = zone(_ZONES["realistic"]).eic
_FRANCE: Final = zone(_ZONES["trivial"]).eic
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
    sys.path.append(str(_TESTS))
    # The tests' own tools: the command with a mail server is what they start, too.
    rig = import_module("serve_rig")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(_sink(folder / "mails.txt"))
        letters = _write_letters(folder / "letters")
        service = rig.Serving(folder / "home", port, GRIDLETTER_NOTEBOOKS=str(folder / "letters"))
        race = Race(rig, stack.enter_context(service), folder)
        race.push_each_first()
        for name, kind in (("warm_trivial", "trivial"), ("warm_realistic", "realistic")):
            if name in names:
                yield _alone(name, kind, race, letters[kind])
        if "burst" in names:
            ours, theirs = race.push_burst(), race.serve_burst()
            raw = {"gridletter_serve_s": round(ours, 1), "flow_serve_s": round(theirs, 1)}
            yield AIMS["burst"].row("burst", ours / theirs, dict(raw))


def _write_letters(folder: Path) -> dict[str, Path]:
    """Write both newsletters, each for its zone alone; return their notebooks."""
    folder.mkdir()
    notebooks = import_module("notebooks")
    header = notebooks.HEADER.replace("zones: all", f"zones: [{_ZONES['trivial']}]")
    trivial: Path = notebooks.write(folder, _LETTER, header=header)
    content = json.loads(tools.NOTEBOOK.read_text(encoding="utf-8"))
    header = "".join(content["cells"][0]["source"])
    content["cells"][0]["source"] = header.replace(
        "zones: all", f"zones: [{_ZONES['realistic']}]"
    ).replace("samples/", "")
    realistic = folder / tools.NOTEBOOK.name
    realistic.write_text(json.dumps(content), encoding="utf-8")
    shutil.copy(tools.SAMPLE, folder)
    return {"trivial": trivial, "realistic": realistic}


def _alone(name: str, kind: str, race: Race, notebook: Path) -> Row:
    """Return the row of single events, measured by turns with the tools' commands."""
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(_ROUNDS):
            theirs.append(tools.seconds(notebook, Path(folder)))
            ours.append(median(race.push_alone(kind) for _ in range(_PUSHES_A_ROUND)))
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    raw: dict[str, JsonValue] = {
        "gridletter_serve_s": [round(seconds, 2) for seconds in ours],
        "papermill_nbconvert_s": [round(seconds, 2) for seconds in theirs],
    }
    return AIMS[name].row(name, ratio, raw)


class Race:
    """Pushes documents, each for a day of its own, and waits for their mails."""

    def __init__(self, rig: Any, serving: Any, folder: Path) -> None:  # noqa: ANN401 - tests'
        self._rig = rig
        self._serving = serving
        self._folder = folder
        self._mails = folder / "mails.txt"
        self._next_day = _FIRST_DAY_ALONE

    def push_each_first(self) -> None:
        """Warm what serves: each newsletter, and by turns each runner."""
        for _ in range(_PUSHES_A_ROUND):
            for kind in _ZONES:
                self.push_alone(kind)

    def push_alone(self, kind: str) -> float:
        """Return the seconds from a push to its mail."""
        message = self._message(self._next_day, kind)
        self._next_day += 1
        sleep(_ALONE_SECONDS)
        before, started = self._count(), monotonic()
        self._serving.push(message)
        self._wait_for(before + 1)
        return monotonic() - started

    def push_burst(self) -> float:
        """Return the seconds from the first of many pushes to the last of their mails."""
        messages = [self._message(day, "trivial") for day in range(_EVENTS)]
        before, started = self._count(), monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._serving.push, messages))
        self._wait_for(before + _EVENTS)
        return monotonic() - started

    def serve_burst(self) -> float:
        """Serve the flow beside, on the same Prefect server; return its seconds for as many."""
        events = self._folder / "events"
        events.mkdir()
        prefect = self._serving.prefect
        environment = {**self._serving.environment, "PREFECT_API_URL": f"{prefect}/api"}
        with _running(_FLOW_SERVE, environment):
            self._rig.until(lambda: _is_polling(prefect), _SECONDS)
            before, started = self._count(), monotonic()
            for day in range(_EVENTS):
                text = self._message(_FIRST_DAY_OF_SERVE + day, "trivial")
                (events / f"{day:02d}.xml").write_text(text, encoding="utf-8")
            emit = [sys.executable, "-c", _EMIT, str(events)]
            subprocess.run(emit, env=environment, check=True)  # noqa: S603 - our own interpreter
            self._wait_for(before + _EVENTS)
            return monotonic() - started

    def _message(self, day: int, kind: str) -> str:
        message: str = self._rig.sample(day)
        return message.replace(_GERMANY, _FRANCE) if kind == "trivial" else message

    def _wait_for(self, mails: int) -> None:
        self._rig.until(lambda: self._count() >= mails, _SECONDS, every=_LOOK_SECONDS)

    def _count(self) -> int:
        return self._mails.read_bytes().count(b"\n")


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


@contextmanager
def _sink(log: Path) -> Iterator[int]:
    command = [sys.executable, str(_TESTS / "smtp_sink.py"), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield int(process.stdout.readline() if process.stdout else 0)
        finally:
            process.terminate()

"""`gridletter serve` as a process, with a mail server, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx
import psutil

from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

SAMPLES = Path(__file__).parent.parent / "notebooks" / "samples"
COMMAND = [sys.executable, "-c", "import flows.cli.serve; flows.cli.main()", "serve"]
READY_SECONDS = 150
READER = Subscriber("Ada", "ada@reader.example")


class Serving:
    """The command while its context lasts; `lines` is what it printed."""

    def __init__(
        self, home: Path, mail_port: int, options: Sequence[str] = (), **more: str
    ) -> None:
        self.home = home
        self.options = options
        self.lines: list[str] = []
        self.environment = environment(
            home, GRIDLETTER_SMTP_URL=f"smtp://127.0.0.1:{mail_port}?security=none", **more
        )

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        open_directory(f"sqlite:///{self.home / 'ledger.db'}").add([READER])
        self._log = (self.home / "serve.txt").open("ab")
        self.process = subprocess.Popen(
            [*COMMAND, "--port", "0", *self.options],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._ready.wait(READY_SECONDS) or not self.lines[-1].startswith("ready"):
            self.__exit__(None, None, None)
            raise TimeoutError(self.log())
        self.url = self._address("archive")
        self.webhook = self._address("webhook")
        self.prefect = self._address("prefect")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for process in family(self.home):
            process.kill()
        self._log.close()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith("ready"):
                self._ready.set()
        self._ready.set()

    def _address(self, name: str) -> str:
        return next(line.split()[1] for line in self.lines if line.startswith(name))

    def log(self) -> str:
        """Return what the command and its processes said on stderr."""
        return (self.home / "serve.txt").read_text(encoding="utf-8")

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 60) -> int:
        """Send the signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Kill the process of that name, such as `web`, and nothing that it has started."""
        for process in family(self.home):
            if f'"name": "{name}"' in " ".join(process.cmdline()):
                process.send_signal(number)

    def push(self, message: str) -> None:
        """Push as the platform does: again until it is answered with 200."""
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        for _ in range(200):
            try:
                answer = httpx.post(self.webhook, content=message.encode(), headers=headers)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == httpx.codes.OK:
                return
            time.sleep(0.1)
        raise TimeoutError(self.log())

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a metric; 0 where it has none yet."""
        wanted = "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
        head = f"{name}{wanted if labels else ''} "
        lines = httpx.get(f"{self.url}metrics").text.splitlines()
        return next((float(line[len(head) :]) for line in lines if line.startswith(head)), 0)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with no settings of Gridletter or Prefect but these."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("GRIDLETTER_", "PREFECT_"))}
    return {**bare, "GRIDLETTER_HOME": str(home), **more}


def family(home: Path) -> list[psutil.Process]:
    """Return all processes that live in that home, whoever their parent is (not this one)."""
    found = []
    for process in psutil.process_iter():
        try:
            lives_here = process.environ().get("GRIDLETTER_HOME") == str(home)
            if lives_here and process.pid != os.getpid() and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(true: Callable[[], object], seconds: float, *, every: float = 0.05) -> None:
    """Wait until it is so, looking `every` so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(true)
        time.sleep(every)


def sample(day: int) -> str:
    """Return a wind and solar forecast for the n-th day of some years: each its own document."""
    xml = (SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8").partition("?>")[2].strip()
    return xml.replace("2026-06-", f"{2027 + day // 12}-{day % 12 + 1:02d}-")


def revised(xml: str, revision: int) -> str:
    """Return the document in another revision."""
    first = "<revisionNumber>1</revisionNumber>"
    return xml.replace(first, f"<revisionNumber>{revision}</revisionNumber>")


def seconds_to_mail(serving: Serving, count: Callable[[], int], messages: list[str]) -> list[float]:
    """Push one message after the other; return the seconds from each push to its mail."""
    taken = []
    for message in messages:
        before, started = count(), time.monotonic()
        serving.push(message)
        until(lambda before=before: count() > before, 60)
        taken.append(time.monotonic() - started)
    return taken


def said(seconds: list[float]) -> Mapping[str, float]:
    """Return what is told of a series of times."""
    return {"median": round(median(seconds), 2), "longest": round(max(seconds), 2)}

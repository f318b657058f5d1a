"""Processes that are started again whenever they end, and that all end together."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

from flows.errors import SettingsError
from flows.serve.child import POLITE_SECONDS, READY, WRONG_SETTINGS, Child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType

_SHORT_LIFE_SECONDS: Final = 10
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30
_LOOK_SECONDS: Final = 0.2


@dataclass
class _Process:
    """A process and its history: `once` means that it is not started again after success."""

    child: Child
    environment: Mapping[str, str]
    once: bool
    running: subprocess.Popen[bytes] | None = None
    report: int = -1
    started: float = 0
    due: float = 0
    pause: float = _FIRST_PAUSE_SECONDS
    ready: bool = False
    done: bool = False


@dataclass
class Supervisor:
    """Starts and restarts processes until SIGTERM or SIGINT, then ends them.

    Enter it before `add`: that is when it takes the signals.
    """

    processes: list[_Process] = field(default_factory=list)

    def __enter__(self) -> Self:
        # Nobody else has this end, and nothing is ever written to it: it closes when we die.
        self._lifeline, self._alive = os.pipe()
        self._stopping = False
        self._before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end([process for process in self.processes if not process.child.is_last])
            self._end(self.processes)
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            os.close(self._lifeline)
            os.close(self._alive)

    def add(
        self,
        child: Child,
        environment: Mapping[str, str],
        *,
        once: bool = False,
    ) -> None:
        """Have a process from now on.

        Args:
            child: What it is told; the descriptors of pipe and report are filled in here.
            environment: All of its environment.
            once: It ends by itself when its work is done.
        """
        self.processes.append(_Process(child, environment, once))

    def run(self, on_ready: Callable[[], None]) -> None:
        """Keep all processes running until a signal comes; say once when all are ready.

        Raises:
            SettingsError: a process found settings with which it can't start at all.
        """
        announced = False
        while not self._stopping:
            for process in self.processes:
                self._look_after(process)
            if not announced and all(process.ready for process in self.processes):
                announced = True
                on_ready()
            self._wait()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _look_after(self, process: _Process) -> None:
        now = time.monotonic()
        if process.running is None:
            if not process.done and now >= process.due:
                self._start(process)
            return
        code = process.running.poll()
        if code is None:
            return
        self._forget(process)
        if code == WRONG_SETTINGS:
            raise SettingsError(
                f"{process.child.name} can't start with these settings",
                remedy="Its message above says what to correct.",
                setting=None,
            )
        if process.once and code == 0:
            process.done = process.ready = True
            return
        if now - process.started > _SHORT_LIFE_SECONDS:
            process.pause = _FIRST_PAUSE_SECONDS
        process.due = now if code == 0 else now + process.pause
        if code != 0:
            _say(f"{process.child.name} ended ({_how(code)}) and is started again")
            process.pause = min(2 * process.pause, _LONGEST_PAUSE_SECONDS)

    def _start(self, process: _Process) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        child = replace(process.child, lifeline=self._lifeline, report=writing)
        descriptors = {child.lifeline, child.report, child.listening, child.bell} - {-1}
        try:
            process.running = subprocess.Popen(  # noqa: S603 - our own modules, by our interpreter
                child.arguments(),
                env=dict(process.environment),
                pass_fds=tuple(descriptors),
                # A terminal's Ctrl-C reaches us alone, and we end them in order.
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        finally:
            os.close(writing)
        process.report = reading
        process.started = time.monotonic()

    def _wait(self) -> None:
        """Sleep a little, or less where a process has become ready."""
        with selectors.DefaultSelector() as selector:
            for process in self.processes:
                if process.report >= 0:
                    selector.register(process.report, selectors.EVENT_READ, process)
            if not selector.get_map():
                time.sleep(_LOOK_SECONDS)
                return
            for key, _ in selector.select(_LOOK_SECONDS):
                process = key.data
                if os.read(process.report, len(READY)) == READY:
                    process.ready = True
                os.close(process.report)
                process.report = -1

    def _forget(self, process: _Process) -> None:
        process.running = None
        if process.report >= 0:
            os.close(process.report)
            process.report = -1

    def _end(self, processes: Iterable[_Process]) -> None:
        """End the processes politely, and after a while in any case."""
        alive = [process for process in processes if process.running is not None]
        for process in alive:
            if process.running is not None:
                process.running.terminate()
        deadline = time.monotonic() + POLITE_SECONDS
        for process in alive:
            if process.running is not None:
                _wait_or_kill(process.running, deadline)
            self._forget(process)


def _wait_or_kill(running: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        running.wait(max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        # With what it has started itself: the group is its own.
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _how(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


def _say(line: str) -> None:
    print(f"gridletter: {line}", file=sys.stderr, flush=True)  # noqa: T201 — a command prints

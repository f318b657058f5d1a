"""Jobs that threads hand in at the same time are committed together: one fsync carries many."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Turn(Generic[Job, Answer]):
    """A job in line; `woken` once it is done or, where it is not, when it is to lead."""

    job: Job
    woken: Event = field(default_factory=Event)
    done: bool = False
    answer: Answer | None = None
    error: BaseException | None = None


class GroupCommit(Generic[Job, Answer]):
    """Call it with a job, get the job's answer; `commit` is given all jobs that wait, in order.

    There is never more than one commit under way. Who finds none leads: it commits its own job with
    all that wait, then hands the lead to the first that came meanwhile. So a job that comes alone
    waits for nobody, and no thread serves others for longer than its own commit takes.
    """

    def __init__(self, commit: Callable[[Sequence[Job]], Sequence[Answer]]) -> None:
        self._commit = commit
        self._lock = Lock()
        self._line: list[_Turn[Job, Answer]] = []
        self._led = False

    def __call__(self, job: Job) -> Answer:
        """Return the answer to `job` once it is committed; raise what `commit` raised."""
        turn: _Turn[Job, Answer] = _Turn(job)
        with self._lock:
            self._line.append(turn)
            leads = not self._led
            self._led = True
        if not leads:
            try:
                turn.woken.wait()
            except BaseException:
                self._leave(turn)
                raise
        if not turn.done:
            self._lead()
        if turn.error is not None:
            raise turn.error
        return cast("Answer", turn.answer)

    def _lead(self) -> None:
        with self._lock:
            batch, self._line = self._line, []
        try:
            answers = self._commit([turn.job for turn in batch])
            for turn, answer in zip(batch, answers, strict=True):
                turn.answer = answer
        except BaseException as error:  # noqa: BLE001 — each thread of the batch raises it
            for turn in batch:
                turn.error = error
        for turn in batch:
            turn.done = True
        with self._lock:
            self._hand_on()
        for turn in batch:
            turn.woken.set()

    def _leave(self, turn: _Turn[Job, Answer]) -> None:
        """Take a turn out of the line whose thread was interrupted (Ctrl-C) while it waited."""
        with self._lock:
            if turn in self._line:
                self._line.remove(turn)
                if turn.woken.is_set():
                    self._hand_on()

    def _hand_on(self) -> None:
        """Give the lead to the first in line, if there is one."""
        self._led = bool(self._line)
        for heir in self._line[:1]:
            heir.woken.set()

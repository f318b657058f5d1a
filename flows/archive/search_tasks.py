"""Days that are to be done, month by month: many ask for it, one at a time does it for all.

    search/tasks/2026-11.json       who is at work on the month, until when, and the days to do

Who asks waits until his days are done, and does what is on the list himself as soon as nobody is at
it. Who is killed at it is not waited for longer than `LEASE`.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Self

    from flows.archive.store import Store

FOLDER: Final = "search/tasks"
LEASE: Final = timedelta(seconds=15)
_PAUSE_SECONDS: Final = 0.1


class Task(BaseModel):
    """The work on a month: `holder` is at it `until` then; each day to do has a mark of who asked.

    With nothing to do it is always the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: str = ""
    until: datetime | None = None
    days: dict[str, str] = {}

    @classmethod
    def load(cls, data: bytes | None) -> Self:
        """Return the task; one that is damaged has nothing to do."""
        try:
            return cls() if data is None else cls.model_validate_json(data)
        except ValidationError:
            return cls()

    def dump(self) -> bytes:
        """Return the task as it stands in the store."""
        return self.model_dump_json().encode() + b"\n"

    def asked(self, days: Iterable[str], mark: str) -> Self:
        """Return the task with `days` to do; one that is being done is done again."""
        return self.model_copy(update={"days": {**self.days, **dict.fromkeys(days, mark)}})

    def taken(self, holder: str) -> Self:
        """Return the task as `holder` has it, if it is free."""
        now = datetime.now(UTC)
        if self.until is not None and self.until > now and self.holder != holder:
            return self
        return self.model_copy(update={"holder": holder, "until": now + LEASE})

    def without(self, done: Mapping[str, str]) -> Self:
        """Return the task without the days that are done, and free."""
        left = {day: mark for day, mark in self.days.items() if done.get(day) != mark}
        return self.model_copy(update={"holder": "", "until": None, "days": left})


class Tasks:
    """The tasks in `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, month: str, days: Collection[str]) -> None:
        """Put `days` on the list, for whoever does the month next."""
        mark = secrets.token_hex(8)
        self._update(month, lambda task: task.asked(days, mark))

    def do(
        self, month: str, days: Collection[str], work: Callable[[Collection[str]], None]
    ) -> bool:
        """Return when `days` are done; return whether that was here, by `work`.

        `work` is given the days on the list. What it raises comes through; they stay on the list.
        """
        me = secrets.token_hex(8)
        was_here = False
        task = self._update(month, lambda task: task.asked(days, me).taken(me))
        while task.holder == me or any(task.days.get(day) == me for day in days):
            if task.holder == me:
                was_here = True
                task = self._work(month, me, task, work)
            else:
                time.sleep(_PAUSE_SECONDS)
                task = self._update(month, lambda task: task.taken(me))
        return was_here

    def _work(
        self, month: str, me: str, task: Task, work: Callable[[Collection[str]], None]
    ) -> Task:
        done: Mapping[str, str] = {}

        def give_back(task: Task) -> Task:
            if task.holder != me:
                return task
            rest = task.without(done)
            return rest.taken(me) if rest.days and done else rest

        try:
            work(task.days)
            done = task.days
        finally:
            task = self._update(month, give_back)
        return task

    def _update(self, month: str, change: Callable[[Task], Task]) -> Task:
        path = f"{FOLDER}/{month}.json"
        return Task.load(self._store.update(path, lambda data: change(Task.load(data)).dump()))

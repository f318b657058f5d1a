"""Marks of what is under way: who writes an issue, and what a killed publisher left to be done.

A mark is put before an issue's files and taken away when its pages stand. Of two that publish the
same issue at once, the one without the mark waits for the other's record, so that no file is mixed
from two. A rebuild leaves a mark as well: while it runs, publishers leave theirs, and the rebuild,
which may have written over what they did, settles these issues at its end.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from flows.archive import paths
from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.archive.store import Store

# Who has not been heard of for so long is taken for dead.
PUBLISHER_LEASE: Final = timedelta(seconds=10)
_REBUILD_LEASE: Final = timedelta(minutes=5)
_REBUILD: Final = f"{paths.PENDING}/rebuild-"
_POLL_SECONDS: Final = 0.1


class Mark(NamedTuple):
    """Who (`holder`) was at work on the issue at `issue_path`, and when last heard of (UTC)."""

    issue_path: str
    holder: str
    since: datetime

    def is_left(self, lease: timedelta) -> bool:
        """Return whether its holder has not been heard of for `lease`."""
        return datetime.now(UTC) - self.since > lease

    def dump(self) -> bytes:
        """Return the mark as it stands in the store."""
        return json.dumps([self.issue_path, self.holder, self.since.isoformat()]).encode()

    @classmethod
    def load(cls, data: bytes | None) -> Mark | None:
        """Return the mark in `data`, None where there is none that can be read."""
        try:
            issue_path, holder, since = json.loads(data or b"")
            return cls(issue_path, holder, datetime.fromisoformat(since).astimezone(UTC))
        except (ValueError, TypeError):
            return None


class Pending:
    """The marks in `store`; a publisher's is left behind when it is older than `lease`."""

    def __init__(self, store: Store, lease: timedelta) -> None:
        self._store = store
        self._lease = lease

    @contextmanager
    def claim(
        self, issue_path: str, is_written: Callable[[], bool]
    ) -> Iterator[Callable[[], None] | None]:
        """Mark that the issue is being written; yield what says so again, before each write.

        Yields None where another one has written it. The mark is there afterwards, unless an error
        is raised inside: then there is nothing to finish.

        Args:
            issue_path: Where the issue shall stand.
            is_written: Whether it stands there, looked up anew.

        Raises:
            StorageError: when it is said too late: another one has taken over.
        """
        key, holder = paths.pending(issue_path), secrets.token_hex(8)
        while not self._take(key, issue_path, holder):
            if is_written():
                yield None
                return
            time.sleep(_POLL_SECONDS)
        if is_written():
            yield None
            return
        heard_of = time.monotonic()

        def still_here() -> None:
            nonlocal heard_of
            if time.monotonic() - heard_of > self._lease.total_seconds() / 3:
                if not self._take(key, issue_path, holder) or is_written():
                    raise StorageError(
                        f"another publisher has taken over {issue_path}",
                        remedy="Publish the same message again.",
                        path=issue_path,
                    )
                heard_of = time.monotonic()

        try:
            yield still_here
        except BaseException:
            mark = Mark.load(self._store.get(key))
            if mark is not None and mark.holder == holder and not is_written():
                self._store.delete([key])
            raise

    def _take(self, key: str, issue_path: str, holder: str) -> bool:
        """Take the mark where nobody who lives has it; return whether it is ours."""

        def taken(data: bytes | None) -> bytes | None:
            mark = Mark.load(data)
            if mark is None or mark.holder == holder or mark.is_left(self._lease):
                return Mark(issue_path, holder, datetime.now(UTC)).dump()
            return data

        mark = Mark.load(self._store.update(key, taken))
        return mark is not None and mark.holder == holder

    def settled(self, issue_path: str) -> list[str]:
        """Take the issue's mark away, unless a rebuild runs that has to see it.

        Return the paths of the issues that others left, longest left first.
        """
        own = paths.pending(issue_path)
        rebuild_runs, left = False, []
        for key in self._store.list(paths.PENDING):
            mark = None if key == own else Mark.load(self._store.get(key))
            if mark is not None and key.startswith(_REBUILD):
                rebuild_runs |= not mark.is_left(_REBUILD_LEASE)
            elif mark is not None and paths.is_issue(mark.issue_path):
                left += [mark] if mark.is_left(self._lease) else []
        if not rebuild_runs:
            self._store.delete([own])
        return [mark.issue_path for mark in sorted(left, key=lambda mark: mark.since)]

    def remove(self, issue_path: str) -> None:
        """Take the issue's mark away."""
        self._store.delete([paths.pending(issue_path)])

    def sweep(self) -> None:
        """Take away what is no mark, and those of rebuilds that died."""
        for key in self._store.list(paths.PENDING):
            mark = Mark.load(self._store.get(key))
            if mark is None or (key.startswith(_REBUILD) and mark.is_left(_REBUILD_LEASE)):
                self._store.delete([key])

    @contextmanager
    def rebuilding(self) -> Iterator[Callable[[], None]]:
        """Mark that a rebuild runs; yield what says so again, now and then."""
        key, last = f"{_REBUILD}{secrets.token_hex(8)}", 0.0

        def still_here() -> None:
            nonlocal last
            if time.monotonic() - last > _REBUILD_LEASE.total_seconds() / 10:
                self._store.put(key, Mark("", key, datetime.now(UTC)).dump())
                last = time.monotonic()

        still_here()
        try:
            yield still_here
        finally:
            self._store.delete([key])

    def publishers(self) -> Iterator[Mark]:
        """Yield the marks of all publishers."""
        for key in self._store.list(paths.PENDING):
            mark = None if key.startswith(_REBUILD) else Mark.load(self._store.get(key))
            if mark is not None and paths.is_issue(mark.issue_path):
                yield mark

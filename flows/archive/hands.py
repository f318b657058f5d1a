"""Several requests at once where each takes its time: to a bucket, not to a folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flows.archive.store import Store

T = TypeVar("T")
_BUCKET_REQUESTS = 16
_AHEAD = 256


class Hands:
    """Does many things, side by side where the store is a bucket."""

    def __init__(self, store: Store) -> None:
        remote = store.address.startswith("s3://")
        self._pool = ThreadPoolExecutor(_BUCKET_REQUESTS, "archive") if remote else None

    def all(self, jobs: Iterable[Callable[[], object]]) -> None:
        """Run all jobs to their ends, then raise the first error that one of them ended with."""
        self.each(lambda job: job(), jobs)

    def each(self, function: Callable[[T], object], items: Iterable[T]) -> None:
        """Call `function` with each item; see `all`. Takes few items at a time from `items`."""
        if self._pool is None:
            for item in items:
                function(item)
            return
        waiting = iter(items)
        while batch := list(islice(waiting, _AHEAD)):
            running = [self._pool.submit(function, item) for item in batch]
            errors = [error for error in (each.exception() for each in running) if error]
            if errors:
                raise errors[0]

"""The search rebuilt beside the pages: by a thread, or where there is much, by a process."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

from flows.archive.hands import Hands
from flows.archive.search import Search
from flows.archive.shards import Shards
from flows.archive.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

# A process takes a second to start, and then a core of its own.
_WORTH_A_PROCESS: Final = 2_000


@contextmanager
def rebuilt_beside(search: Search, address: str, issues: int) -> Iterator[None]:
    """Rebuild the search of the archive at `address` while the context lasts, and to its end.

    Raises:
        StorageError: something can't be read or written.
        RenderError: Pagefind is not installed, or failed.
    """
    executor: Executor
    if issues < _WORTH_A_PROCESS:
        executor = ThreadPoolExecutor(1, "search")
        work = executor.submit(_rebuild, search)
    else:
        # Started anew: this process has threads, which a fork would cut off in the middle.
        executor = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        work = executor.submit(_rebuild_at, address)
    with executor:
        yield
        work.result()


def _rebuild_at(address: str) -> None:
    store = open_store(address)
    hands = Hands(store)
    _rebuild(Search(store, hands, Shards(store, hands)))


def _rebuild(search: Search) -> None:
    for _ in search.rebuild():
        pass

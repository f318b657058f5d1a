"""Processes that add numbers to an object of a store: `store_updater.py ADDRESS PATH COUNT FIRST…`.

There is one for each FIRST, and each adds COUNT numbers from there on. Without a FIRST the only one
takes the object's lock instead, says so, and keeps it until it is killed.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from flows.archive import open_store


def add(number: int, before: bytes | None) -> bytes:
    """Return the numbers with `number` in them too."""
    return json.dumps(sorted({*json.loads(before or b"[]"), number})).encode()


def add_all(address: str, path: str, numbers: range) -> None:
    """Add the numbers from four threads at once."""
    store = open_store(address)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.update(path, partial(add, number)), numbers))


def hold(before: bytes | None) -> bytes | None:
    """Say that the lock is held, and keep it."""
    print("held", flush=True)  # noqa: T201 - read by the test
    time.sleep(600)
    return before


def main(address: str, path: str, count: int, *firsts: int) -> None:
    """Do what the module says."""
    if not firsts:
        open_store(address).update(path, hold)
    # Forked before a store is open: its client does not live on in a child.
    fork = multiprocessing.get_context("fork")
    updaters = [
        fork.Process(target=add_all, args=(address, path, range(first, first + count)))
        for first in firsts
    ]
    for updater in updaters:
        updater.start()
    for updater in updaters:
        updater.join()
    sys.exit(sum(updater.exitcode != 0 for updater in updaters))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))

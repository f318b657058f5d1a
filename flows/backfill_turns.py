"""A backfill's course: what is planned is published, series by series, and the outcomes told.

Who publishes one document, this process or a flow run on a work pool, is the caller's affair.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Event
from typing import TYPE_CHECKING, Final

from flows import backfill_plan
from flows.errors import GridletterError, RetryableError, one_line
from flows.outcome import Outcome
from flows.progress import on_progress

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence

    from flows.archive import Archive
    from flows.backfill_plan import Entry, Plan
    from flows.notebook.newsletter import Newsletter

    Outcomes = list[tuple[str, Outcome]]
    LoggerLike = logging.Logger | logging.LoggerAdapter[logging.Logger]

# When the world fails so often in a row, the rest would fail as well.
_GIVE_UP_AFTER: Final = 10


def fill(
    archive: Archive,
    sources: Sequence[str],
    newsletters: Sequence[Newsletter],
    publish: Callable[[Entry], Outcome],
    *,
    jobs: int,
    logger: LoggerLike,
    stop: Event | None = None,
) -> Outcomes:
    """Have the archive hold an issue of all that is in `sources`; return what became of each.

    Args:
        archive: What it has already is not published again.
        sources: Files, and folders that are searched to their depths.
        newsletters: What may listen.
        publish: Makes one issue and returns what became of it, or raises why there is none.
        jobs: How many of those run side by side.
        logger: Is told of failures and sums.
        stop: Is set where it ends before its time; what runs in `publish` is then waited for.

    Raises:
        MessageError: a source is not there.
        StorageError: the archive can't be used.
    """
    paths = backfill_plan.files(sources)
    plan = backfill_plan.make(
        paths, newsletters, archive, lambda done: _report("reading", done, len(paths))
    )
    outcomes = [*plan.outcomes, *_publish(plan, publish, jobs, stop or Event())]
    try:
        archive.refresh_search()
    except GridletterError as error:  # the issues are in the archive all the same
        logger.warning("the archive's search is not up to date: %s", error)
    for source, outcome in outcomes:
        if outcome.state == "failed":
            logger.error("%s: %s", source, outcome.reason)
    counts = Counter(outcome.state for _, outcome in outcomes)
    logger.info(", ".join(f"{count} {state}" for state, count in counts.items()))
    return outcomes


def _publish(
    plan: Plan, publish: Callable[[Entry], Outcome], jobs: int, stop: Event
) -> Iterator[tuple[str, Outcome]]:
    """Publish each series in its order, up to `jobs` of them at once; yield what became of each."""
    total = sum(map(len, plan.series.values()))
    failures = 0
    for number, (entry, ended) in enumerate(in_turn(plan, publish, jobs, stop), start=1):
        error = ended.exception()
        failures = failures + 1 if isinstance(error, RetryableError) else 0
        if error is not None and failures >= _GIVE_UP_AFTER:
            raise error
        yield str(entry.source), ended.result() if error is None else _failed(entry, error)
        _report("publishing", number, total)


def in_turn(
    plan: Plan, publish: Callable[[Entry], Outcome], jobs: int, stop: Event
) -> Iterator[tuple[Entry, Future[Outcome]]]:
    """Yield entries as they end. Of those that wait, the oldest is next: no series falls behind."""
    heads = [
        (entries[0].turn, number, deque(entries))
        for number, entries in enumerate(plan.series.values())
    ]
    heapq.heapify(heads)
    running: dict[Future[Outcome], tuple[int, deque[Entry]]] = {}
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="backfill") as pool:
        try:
            while heads or running:
                while heads and len(running) < jobs:
                    _, number, entries = heapq.heappop(heads)
                    # Prefect keeps its settings in the context: which API is asked, for one.
                    future = pool.submit(copy_context().run, publish, entries[0])
                    running[future] = number, entries
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    number, entries = running.pop(future)
                    yield entries.popleft(), future
                    if entries:
                        heapq.heappush(heads, (entries[0].turn, number, entries))
        except BaseException:
            stop.set()
            raise


def _failed(entry: Entry, error: BaseException) -> Outcome:
    known = isinstance(error, GridletterError)
    reason = str(error) if known else one_line(f"{type(error).__name__}: {error}")
    return Outcome("failed", entry.newsletter.name, entry.zone, reason=reason)


def _report(what: str, done: int, total: int) -> None:
    if (report := on_progress.get()) is not None:
        report(what, done, total)

"""The flow: a folder of documents becomes issues in the archive, and no mail goes out.

It is one flow run with no tasks in it: for years of documents, what Prefect records of each would
take longer than the issue itself. What is in the archive is not made again, so that a backfill that
was ended in any way goes on where it was.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo

from prefect import flow, get_run_logger

from flows import backfill_plan, inputs, settings, steps
from flows import issue as issues
from flows.archive import Archive, open_store
from flows.document import reference
from flows.errors import (
    GridletterError,
    PermanentError,
    ReferenceUnavailable,
    RetryableError,
    SettingsError,
    one_line,
)
from flows.notebook import nursery
from flows.notebook.newsletter import catalogue
from flows.notebook.run import run
from flows.outcome import Outcome
from flows.progress import on_progress

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping

    from flows.backfill_plan import Entry, Plan
    from flows.document import MarketDocument
    from flows.settings import Settings

    Outcomes = list[tuple[str, Outcome]]
    LoggerLike = logging.Logger | logging.LoggerAdapter[logging.Logger]

_CAPACITY_TIMEOUT_SECONDS: Final = 10
# When the world fails so often in a row, the rest would fail as well.
_GIVE_UP_AFTER: Final = 10


class BackfillFailed(PermanentError):
    """Some documents became no issue; `outcomes` has what became of all, with their sources."""

    @property
    def outcomes(self) -> Outcomes:
        """What became of each document, the failed ones among them."""
        return cast("Outcomes", self.data["outcomes"])


@flow(name="backfill")
def backfill(sources: list[str], jobs: int) -> Outcomes:
    """Publish what is in the files and folders into the archive only; return what became of it.

    Args:
        sources: Files, and folders that are searched to their depths.
        jobs: How many notebooks run side by side.

    Raises:
        BackfillFailed: a document failed; the others are in the archive all the same.
        MessageError: a source is not there.
        StorageError: the archive can't be used.
    """
    nursery.warm()
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    found = catalogue(options.notebooks)
    logger = get_run_logger()
    for error in found.broken:
        logger.error(str(error))
    paths = backfill_plan.files(sources)
    plan = backfill_plan.make(
        paths, found.newsletters, archive, lambda done: _report("reading", done, len(paths))
    )
    press = _Press(options, archive, logger)
    outcomes = [*plan.outcomes, *_run(plan, press, jobs)]
    _refresh_search(archive, logger)
    failed = [(source, outcome) for source, outcome in outcomes if outcome.state == "failed"]
    for source, outcome in failed:
        logger.error("%s: %s", source, outcome.reason)
    counts = Counter(outcome.state for _, outcome in outcomes)
    logger.info(", ".join(f"{count} {state}" for state, count in counts.items()))
    if failed:
        raise BackfillFailed(
            f"{len(failed)} of {len(outcomes)} did not succeed",
            remedy="Mend the cause and run it again: what is in the archive is not made again.",
            outcomes=outcomes,
        )
    return outcomes


def _run(plan: Plan, press: _Press, jobs: int) -> Iterator[tuple[str, Outcome]]:
    """Publish each series in its order, up to `jobs` of them at once; yield what became of each."""
    total = sum(map(len, plan.series.values()))
    failures = 0
    for number, (entry, ended) in enumerate(_in_turn(plan, press.publish, jobs), start=1):
        error = ended.exception()
        failures = failures + 1 if isinstance(error, RetryableError) else 0
        if error is not None and failures >= _GIVE_UP_AFTER:
            raise error
        yield str(entry.source), ended.result() if error is None else _failed(entry, error)
        _report("publishing", number, total)


def _refresh_search(archive: Archive, logger: LoggerLike) -> None:
    """Refresh the search; where it fails, the issues are in the archive all the same."""
    try:
        archive.refresh_search()
    except GridletterError as error:
        logger.warning("the archive's search is not up to date: %s", error)


def _in_turn(
    plan: Plan, publish: Callable[[Entry], Outcome], jobs: int
) -> Iterator[tuple[Entry, Future[Outcome]]]:
    """Yield entries as they end. Of those that wait, the oldest is next: no series falls behind."""
    heads = [
        (entries[0].turn, number, deque(entries))
        for number, entries in enumerate(plan.series.values())
    ]
    heapq.heapify(heads)
    running: dict[Future[Outcome], tuple[int, deque[Entry]]] = {}
    with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="backfill") as pool:
        while heads or running:
            while heads and len(running) < jobs:
                _, number, entries = heapq.heappop(heads)
                running[pool.submit(publish, entries[0])] = number, entries
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                number, entries = running.pop(future)
                yield entries.popleft(), future
                if entries:
                    heapq.heappush(heads, (entries[0].turn, number, entries))


class _Press:
    """Makes issues and puts them into the archive."""

    def __init__(self, options: Settings, archive: Archive, logger: LoggerLike) -> None:
        self._options = options
        self._archive = archive
        self._capacities = _Capacities(options, logger)

    def publish(self, entry: Entry) -> Outcome:
        """Make the issue of `entry`, unless a later revision of the document has one.

        Raises:
            GridletterError: there is no issue of it.
        """
        document, newsletter = entry.document(), entry.newsletter
        outcome = Outcome("published", newsletter.name, entry.zone)
        standing = self._archive.revisions(newsletter.name, document)
        newest = standing[-1] if standing else None
        if newest is not None and newest.revision > document.revision:
            reason = f"revision {newest.revision} of the document is published already"
            return replace(outcome, state="skipped", reason=reason)
        given = inputs.gather(
            newsletter, document, self._archive, lambda: self._capacities.of(document)
        )
        executed = run(newsletter, given.values, limits=inputs.limits(self._options))
        if executed.skip_reason is not None:
            return replace(outcome, state="skipped", reason=executed.skip_reason)
        issue, rendering = issues.render(
            newsletter,
            document,
            executed.notebook,
            given.record,
            superseded=newest,
            previous=given.previous,
            page_url=self._archive.page_url,
        )
        is_new = self._archive.commit(issue, rendering.files)
        self._archive.settle(issue)
        return replace(
            outcome,
            state="published" if is_new else "duplicate",
            issue_id=issue.issue_id,
            page=self._archive.page_url(issue.path),
        )


class _Capacities:
    """Installed capacities, asked for once for each zone and year."""

    def __init__(self, options: Settings, logger: LoggerLike) -> None:
        self._folder = options.capacity_cache_folder
        self._api_key = steps.api_key(options)
        self._logger = logger
        self._lock = Lock()
        self._known: dict[tuple[str, int], Mapping[str, float]] = {}

    def of(self, document: MarketDocument) -> Mapping[str, float]:
        """Return MW by production type; nothing, and a line to the operator, if unknown."""
        zone = document.zone
        year = document.start.astimezone(ZoneInfo(zone.tz)).year
        with self._lock:
            if (zone.eic, year) not in self._known:
                try:
                    known = reference.installed_capacity(
                        zone,
                        year,
                        api_key=self._api_key,
                        cache_folder=self._folder,
                        timeout_seconds=_CAPACITY_TIMEOUT_SECONDS,
                    )
                except (ReferenceUnavailable, SettingsError) as error:
                    self._logger.warning(
                        "%s %s: issues go out without percentages: %s", zone.name, year, error
                    )
                    known = {}
                self._known[zone.eic, year] = known
            return self._known[zone.eic, year]


def _failed(entry: Entry, error: BaseException) -> Outcome:
    known = isinstance(error, GridletterError)
    reason = str(error) if known else one_line(f"{type(error).__name__}: {error}")
    return Outcome("failed", entry.newsletter.name, entry.zone, reason=reason)


def _report(what: str, done: int, total: int) -> None:
    if (report := on_progress.get()) is not None:
        report(what, done, total)

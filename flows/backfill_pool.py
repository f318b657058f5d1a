"""A backfill by a work pool: a flow run of `backfill-event` for each document, so many at once.

The plan is that of a backfill on one machine, and so is the order: a document's flow run begins
when that of the document before it, of the same newsletter and zone, has ended. What happens to
this process harms nothing. Its successor finds in the archive what is done, and waits for the flow
runs that are still under way instead of starting others.
"""

from __future__ import annotations

import hashlib
import logging
from threading import Event
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkPoolStatus
from prefect.exceptions import ObjectNotFound, PrefectException

from flows import backfill_turns
from flows import issue as issues
from flows.archive import Archive, open_store
from flows.backfill import backfill_event
from flows.claims import Claims
from flows.errors import SettingsError, StorageError, one_line
from flows.notebook.newsletter import catalogue
from flows.outcome import Outcome
from flows.shards import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.backfill_plan import Entry
    from flows.settings import Settings

_OPTION: Final = "--pool"
_NAME: Final = f"{backfill_event.name}/{DEPLOYMENT}"
# A task that is lost says nothing against its document, until it happens again and again.
_MOST_CRASHES: Final = 3
# All flow runs together are asked after twice a second: APIs limit how often.
_LOOK_SECONDS: Final = 0.5
_SHARE_OUR_DISK: Final = {"process"}
_Done = Literal["published", "duplicate", "skipped"]
_log = logging.getLogger(__name__)


def backfill_on(
    pool: str, sources: Sequence[str], options: Settings, jobs: int
) -> list[tuple[str, Outcome]]:
    """Have `pool` publish what is in files and folders into the archive; return what became of it.

    Args:
        pool: The work pool that the flows are deployed to.
        sources: Files, and folders that are searched to their depths.
        options: Where the archive is, which must be the flow runs' too.
        jobs: How many flow runs are under way at once.

    Raises:
        SettingsError: nothing is deployed to such a pool, or it can't reach the archive.
        MessageError: a source is not there.
        StorageError: the archive can't be used, or flow runs crash one after another.
        httpx.HTTPError: the API is away as it begins.
    """
    archive = Archive(open_store(options.archive_address), options.archive_url)
    found = catalogue(options.notebooks)
    for error in found.broken:
        _log.error("%s", error)
    stop = Event()
    with get_client(sync_client=True) as api:
        deployment = _deployment(api, pool, options)
        runs = _Runs(api, deployment, Claims(options), jobs * _LOOK_SECONDS, stop)
        return backfill_turns.fill(
            archive, sources, found.newsletters, runs.publish, jobs=jobs, logger=_log, stop=stop
        )


def _deployment(api: SyncPrefectClient, pool: str, options: Settings) -> UUID:
    try:
        deployment = api.read_deployment_by_name(_NAME)
    except ObjectNotFound:
        deployment = None
    if deployment is None or deployment.work_pool_name != pool:
        at = f"to {deployment.work_pool_name}" if deployment else "nowhere"
        raise SettingsError(
            f"the flow {backfill_event.name} is deployed {at}, not to the work pool {pool}",
            remedy=f"Run gridletter deploy --pool {pool}, or name the pool that has the flows.",
            setting=_OPTION,
        )
    standing = api.read_work_pool(pool)
    if standing.type not in _SHARE_OUR_DISK and "://" not in options.archive_address:
        raise SettingsError(
            f"the archive is a folder here, and not that of the work pool {pool}",
            remedy="Set GRIDLETTER_ARCHIVE (and GRIDLETTER_CLAIMS) to the s3:// addresses that "
            "the flows are deployed with.",
            setting="GRIDLETTER_ARCHIVE",
        )
    if standing.status is not WorkPoolStatus.READY:
        state = standing.status.value.lower().replace("_", " ") if standing.status else "unknown"
        _log.warning("the work pool %s is %s: flow runs wait until it is ready", pool, state)
    return deployment.id


class _Runs:
    """Has flow runs make issues, one a call, from any number of threads."""

    def __init__(
        self,
        api: SyncPrefectClient,
        deployment: UUID,
        claims: Claims,
        look_seconds: float,
        stop: Event,
    ) -> None:
        self._api = api
        self._deployment = deployment
        self._claims = claims
        self._look_seconds = look_seconds
        self._stop = stop

    def publish(self, entry: Entry) -> Outcome:
        """Have a flow run make the issue; return what it says became of it.

        Raises:
            GridletterError: the document can't be read again, or there is no issue of it.
            StorageError: the API is away, or the flow run crashed again and again, or was left.
        """
        document = entry.document()
        issue_id = issues.issue_id(entry.newsletter.name, document)
        digest = hashlib.sha256(document.xml.encode()).hexdigest()
        message = self._claims.parameter(f"backfill-{issue_id}", digest, document.xml)
        try:
            run = self._run(entry, issue_id, message)
        except (httpx.HTTPError, PrefectException) as error:
            raise StorageError(
                f"the Prefect API can't be used: {error or type(error).__name__}",
                remedy="See whether it is up, then run the backfill again.",
                path=_NAME,
            ) from error
        self._claims.remove(message)
        return _outcome(entry, issue_id, run)

    def _run(self, entry: Entry, issue_id: str, message: str) -> FlowRun:
        """Return the flow run that ended otherwise than by a crash."""
        number = crashes = 0
        while True:
            run = self._api.create_flow_run_from_deployment(
                self._deployment,
                parameters={"newsletter": entry.newsletter.name, "event_msg": message},
                name=f"{entry.newsletter.name} {entry.zone} {entry.created:%Y-%m-%d %H:%M}",
                # The same key gives the run that an earlier backfill began.
                idempotency_key=f"backfill {issue_id} {number}",
            )
            number += 1
            if _has_ended(run):
                continue  # an earlier backfill's, which left no issue in the archive
            while not _has_ended(run):
                if self._stop.wait(self._look_seconds):
                    raise StorageError(
                        "the backfill ended while the flow run was under way",
                        remedy="Run it again: it goes on where it was.",
                        path=str(run.id),
                    )
                run = self._api.read_flow_run(run.id)
            if run.state is None or not run.state.is_crashed():
                return run
            crashes += 1
            if crashes == _MOST_CRASHES:
                raise StorageError(
                    f"the flow run crashed {crashes} times: {run.state.message}",
                    remedy="See the log of its infrastructure (out of memory?), then run the "
                    "backfill again.",
                    path=str(run.id),
                )


def _has_ended(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _outcome(entry: Entry, issue_id: str, run: FlowRun) -> Outcome:
    name, zone = entry.newsletter.name, entry.zone
    if run.state is None or not run.state.is_completed():
        said = run.state and (run.state.message or run.state.name)
        return Outcome("failed", name, zone, reason=one_line(f"flow run {run.name}: {said}"))
    became = (run.state.name or "").lower()
    if became not in get_args(_Done):
        raise SettingsError(
            f"the flow run {run.name} does not say what became of the document",
            remedy="Deploy the flows again, by the version that this command has.",
            setting=_OPTION,
        )
    if became == "skipped":
        return Outcome("skipped", name, zone, reason=run.state.message)
    return Outcome(cast("_Done", became), name, zone, issue_id, page=run.state.message)

"""The flow's tasks: one step of an issue each, named in Prefect, retried where that can help."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast
from zoneinfo import ZoneInfo

import nbformat
from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from flows import alert, document, inputs, startup
from flows import issue as issues
from flows.document import reference
from flows.errors import GridletterError, NotebookError, ReferenceUnavailable, SettingsError
from flows.notebook import nursery
from flows.notebook.newsletter import catalogue
from flows.notebook.run import run

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from nbformat import NotebookNode
    from prefect import Task
    from prefect.client.schemas import objects

    from flows.archive import Archive
    from flows.delivery.ledger import State
    from flows.document import Acknowledgement, MarketDocument, Payload
    from flows.inputs import Inputs
    from flows.issue import Issue, Rendering
    from flows.notebook.newsletter import Newsletter
    from flows.notebook.run import Executed
    from flows.outcome import Outcome
    from flows.sending import Post
    from flows.settings import Settings

CAPACITY_SECRET: Final = "entsoe-api-key"  # noqa: S105 - the block's name, not what it holds
_CAPACITY_TIMEOUT_SECONDS = 10
_EXECUTOR: Final = "prefect_jupyter.notebook"


class Work:
    """One newsletter about one document, with the post that it goes out by.

    It has no `__dict__`, so Prefect records its type's name as the subflow's parameter instead of a
    copy of document and notebook, which its API refuses above 512 KB.
    """

    __slots__ = ("document", "newsletter", "post")

    def __init__(self, newsletter: Newsletter, document: MarketDocument, post: Post) -> None:
        self.newsletter = newsletter
        self.document = document
        self.post = post

    @property
    def archive(self) -> Archive:
        """Where the issue is kept."""
        return self.post.archive

    @property
    def settings(self) -> Settings:
        """What the operator has set."""
        return self.post.settings


def _can_help(_task: Task[..., Any], _run: objects.TaskRun, state: objects.State[Any]) -> bool:
    """Return whether trying again can help: not where the error is permanent by its type."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, GridletterError) or error.retryable


# Inputs and results are documents, notebooks and pages: hashing them for Prefect's cache costs more
# than it saves, and the archive knows what was done.
_step = task(cache_policy=NO_CACHE)
_world_step = task(
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.3,
    retry_condition_fn=_can_help,
)


@_step
def find_newsletters(folder: Path) -> tuple[Newsletter, ...]:
    """Return the newsletters among the notebooks in `folder`; broken ones are logged, left out."""
    found = catalogue(folder)
    for error in found.broken:
        get_run_logger().error(str(error))
    return found.newsletters


@_world_step
def unpack_message(event_msg: str, claims: Sequence[str]) -> tuple[Payload, ...]:
    """Return the market documents in the message; an address is fetched, so the world can fail."""
    return document.unpack(event_msg, claims)


@_step
def read_document(payload: Payload) -> tuple[MarketDocument, ...] | Acknowledgement:
    """Return the document split by bidding zone, or what the platform acknowledges instead."""
    return document.read(payload.xml)


def gather_inputs(work: Work) -> Inputs:
    """Return what the notebook is given, by the contract's names, and the issue before this one."""
    return inputs.gather(
        work.newsletter, work.document, work.archive, lambda: _capacity_or_none(work)
    )


def _capacity_or_none(work: Work) -> dict[str, float]:
    """Return installed capacity, or nothing with a line to the operator: the issue goes out."""
    try:
        return look_up_capacity(work)
    except (ReferenceUnavailable, SettingsError) as error:
        get_run_logger().warning("the issue goes out without percentages: %s", error)
        return {}


@task(
    cache_policy=NO_CACHE,
    # Percentages are worth one more question, not a reader's minute.
    retries=1,
    retry_delay_seconds=2,
    retry_condition_fn=_can_help,
)
def look_up_capacity(work: Work) -> dict[str, float]:
    """Return installed capacity in MW by production type, from the day's cache or the platform."""
    zone = work.document.zone
    return reference.installed_capacity(
        zone,
        work.document.start.astimezone(ZoneInfo(zone.tz)).year,
        api_key=api_key(work.settings),
        cache_folder=work.settings.capacity_cache_folder,
        timeout_seconds=_CAPACITY_TIMEOUT_SECONDS,
    )


def api_key(options: Settings) -> str | None:
    """Return the platform's key: of the Secret block, else of the settings."""
    try:
        block = cast("Secret[str]", Secret.load(CAPACITY_SECRET))  # a coroutine only in a loop
    except ValueError:  # Prefect's answer where there is no such block
        key = options.entsoe_api_key
        return None if key is None else key.get_secret_value()
    return str(block.get())


def warm() -> None:
    """Import what runs notebooks, here and in the zygote, while the run waits for Prefect's API."""
    nursery.warm()
    if _EXECUTOR not in sys.modules:
        threading.Thread(target=import_executor, daemon=True).start()


def import_executor() -> ModuleType:
    """Import and return what runs notebooks; it brings papermill, whole."""
    # Notebooks are files here, and this would bring boto3. papermill takes it for not installed.
    startup.leave_out("papermill.s3")
    # For prefect-jupyter's export of notebooks, which nobody here asks for.
    startup.put_off("nbconvert")
    return import_module(_EXECUTOR)


def run_notebook(work: Work, given: Inputs) -> Executed:
    """Execute the notebook through papermill, by prefect-jupyter's task."""
    task_of_theirs = import_executor().execute_notebook.with_options(cache_policy=NO_CACHE)
    return run(
        work.newsletter,
        given.values,
        limits=inputs.limits(work.settings),
        execute=cast("Callable[..., NotebookNode]", task_of_theirs),
    )


@_step
def render_issue(
    work: Work, executed: Executed, given: Inputs, superseded: Issue | None
) -> tuple[Issue, Rendering]:
    """Return the issue and its files: page, mail, text, charts, notebook, document."""
    return issues.render(
        work.newsletter,
        work.document,
        executed.notebook,
        given.record,
        superseded=superseded,
        previous=given.previous,
        page_url=work.archive.page_url,
    )


@_world_step
def archive_issue(work: Work, issue: Issue, rendering: Rendering) -> bool:
    """Write the issue to the archive; return False where it stood there already."""
    return work.archive.commit(issue, rendering.files)


@_world_step
def settle_issue(work: Work, issue: Issue) -> None:
    """Write the issue's page and what it touches: neighbours, indexes, feeds."""
    work.archive.settle(issue)


@_world_step
def deliver_issue(work: Work, issue: Issue) -> Counter[State]:
    """Send the issue to each subscriber who has none of it; return the recipients by state."""
    return work.post.send(issue)


@_world_step
def tell_operators(post: Post, outcomes: Sequence[Outcome]) -> None:
    """Tell the operators by mail what failed and what to do."""
    message = alert.compose(outcomes, datetime.now(UTC), post.settings)
    alert.send(message, post.server, post.settings)


def keep_failed_notebook(work: Work, error: NotebookError) -> Path | None:
    """Keep the notebook as far as it ran, for the analyst to open; return where."""
    executed = error.data.get("executed")
    if executed is None:
        return None
    issue_id = issues.issue_id(work.newsletter.name, work.document)
    path = work.settings.failed_folder / f"{work.newsletter.name}-{issue_id}.ipynb"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text: str = nbformat.writes(executed)  # type: ignore[no-untyped-call]
        path.write_bytes(text.encode("utf-8", "replace"))
    except OSError as failure:
        get_run_logger().warning("the failed notebook can't be kept: %s", failure)
        return None
    return path


@_world_step
def refresh_search(archive: Archive) -> None:
    """Let the archive's search find what was published."""
    archive.refresh_search()


def leave_artifact(work: Work, issue: Issue) -> None:
    """Leave the issue's link, headline and charts where the operator looks: in Prefect."""
    page = work.archive.page_url(issue.path)
    charts = "".join(
        f"\n\n![{figure.alt}]({page.removesuffix('index.html')}{figure.name})"
        for figure in issue.figures
    )
    key = f"{issues.slug(issue.newsletter)}-{issues.slug(issue.zone.code)}"
    create_markdown_artifact(
        key=key.lower().replace("_", "-"),
        description=issue.headline,
        markdown=f"## [{issue.headline}]({page})\n\n{issue.title}, {issue.place}{charts}\n",
    )

"""The flow: one event message becomes its issues.

    message ─► documents ─► newsletters that listen ─► for each, one subflow:
        inputs ─► notebook ─► page and mail ─► archive ─► delivery

A document that can't be read or a notebook that fails harms no other: its outcome says why, the
rest goes out, and the flow run ends as failed with the count.
"""

from __future__ import annotations

import contextvars
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)

from flows import arrivals, metrics, sending, settings, steps, tls
from flows import issue as issues
from flows.archive import Archive, open_store
from flows.delivery.ledger import State
from flows.document import Acknowledgement
from flows.errors import GridletterError, NotebookError, one_line
from flows.outcome import (
    Outcome,
    PublishFailed,
    Stopwatch,
    nobody_listens,
    nothing_to_publish,
)
from flows.sending import Post
from flows.steps import Work

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from threading import Event

tls.share_context()


@flow(name="publish")
def publish(event_msg: str) -> list[Outcome]:
    """Publish every issue that the event message gives rise to; return what became of each.

    Args:
        event_msg: What `{{ event.payload.body }}` of a webhook event holds; see `unpack`.

    Raises:
        PublishFailed: a document or an issue failed; the others are published all the same.
        MessageError: the message is in none of the accepted forms.
        StorageError: the archive can't be opened.
    """
    steps.warm()
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    post = Post.open(archive, options)
    newsletters = steps.find_newsletters(options.notebooks)
    outcomes: list[Outcome] = []
    # Revisions of one document go one after another, everything else side by side.
    chains: defaultdict[tuple[str, str], list[Work]] = defaultdict(list)
    for payload in steps.unpack_message(event_msg, [options.claims_url]):
        try:
            documents = steps.read_document(payload)
        except GridletterError as error:
            outcomes.append(Outcome("failed", reason=one_line(f"{payload.name}: {error}")))
            continue
        if isinstance(documents, Acknowledgement) or not documents:
            outcomes.append(nothing_to_publish(documents))
            continue
        for document in documents:
            arrivals.announce(document)
            listening = [letter for letter in newsletters if letter.listens_to(document)]
            if not listening:
                outcomes.append(nobody_listens(document))
            for newsletter in listening:
                work = Work(newsletter, document, post)
                chains[newsletter.name, document.key].append(work)
    with _one_heartbeat():
        outcomes += _side_by_side(chains.values(), options.parallel_notebooks, post.stop)
    if any(outcome.state in {"published", "duplicate"} for outcome in outcomes):
        _refresh_search(archive)
    for outcome in outcomes:
        metrics.ISSUES.labels(state=outcome.state).inc()
    _alert(post, outcomes)
    if failed := [outcome for outcome in outcomes if outcome.state == "failed"]:
        raise PublishFailed(
            f"{len(failed)} of {len(outcomes)} did not succeed: "
            + "; ".join(outcome.reason or "" for outcome in failed),
            remedy="Mend the cause and publish the same message again: what is done stays done.",
            outcomes=outcomes,
        )
    return outcomes


@flow(
    name="publish-issue",
    flow_run_name="{newsletter} {zone} {document}",
    validate_parameters=False,
)
def publish_issue(newsletter: str, zone: str, document: str, work: Work) -> Outcome:
    """Publish one newsletter about one document, or say why not.

    Args:
        newsletter: Its name, the zone's code and the document's key are there for the operator, who
            finds the run by them.
        zone: See `newsletter`.
        document: See `newsletter`.
        work: What is to be done.

    Raises:
        NotebookError: the notebook failed.
        RenderError: the executed notebook is no issue.
        StorageError: the archive, the ledger or the outbox can't be written.
        DeliveryError: the mail server takes nothing from us as things are set.
        MailServerUnavailable: it can't be reached, or most mails fail.
    """
    watch = Stopwatch()
    options = work.settings
    outcome = Outcome("published", newsletter, zone, seconds=watch.seconds)
    standing = work.archive.revisions(newsletter, work.document)
    newest = standing[-1] if standing else None
    if newest is not None and newest.revision > work.document.revision:
        reason = f"revision {newest.revision} of the document {document} is published already"
        return replace(outcome, state="skipped", reason=reason)
    issue_id = issues.issue_id(newsletter, work.document)
    issue = next((issue for issue in standing if issue.issue_id == issue_id), None)
    is_new = issue is None
    accepted_before = work.post.accepted(issue_id)
    if issue is None:
        with watch.step("inputs"):
            inputs = steps.gather_inputs(work)
        with watch.step("notebook"):
            executed = steps.run_notebook(work, inputs)
        if executed.skip_reason is not None:
            return replace(outcome, state="skipped", reason=executed.skip_reason)
        with watch.step("render"):
            issue, rendering = steps.render_issue(work, executed, inputs, newest)
        with watch.step("archive"):
            is_new = steps.archive_issue(work, issue, rendering)
    with watch.step("site"):
        # Of a duplicate as well: who archived it may have been killed before its pages stood.
        steps.settle_issue(work, issue)
    with watch.step("deliver"):
        counts = steps.deliver_issue(work, issue)
    if is_new:
        steps.leave_artifact(work, issue)
    return replace(
        outcome,
        state="published" if is_new else "duplicate",
        issue_id=issue_id,
        page=work.archive.page_url(issue.path),
        mails=counts[State.ACCEPTED] - accepted_before,
        reason=sending.summary(counts),
        alarming=100 * counts[State.REJECTED] > counts.total() * options.alert_rejected_percent,
    )


def _one_heartbeat() -> AbstractContextManager[object]:
    """Have only the event's own run show that it lives: who does waits a second at the end."""
    if get_current_settings().flows.heartbeat_frequency is None:
        return nullcontext()  # and no copy of all settings, which takes 30 ms
    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})


def _side_by_side(chains: Iterable[list[Work]], workers: int, stop: Event) -> list[Outcome]:
    """Run each chain in order, up to `workers` chains at once, and return what became of all.

    An interrupt or SIGTERM sets `stop`: mails that are under way are finished, nothing else begun.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        # A thread starts without the flow run's context, by which Prefect knows a subflow's parent.
        running = [
            pool.submit(contextvars.copy_context().run, _one_chain, chain) for chain in chains
        ]
        try:
            return [outcome for chain in running for outcome in chain.result()]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_chain(chain: list[Work]) -> list[Outcome]:
    in_order = sorted(chain, key=lambda work: work.document.revision)
    return [_publish_or_say_why(work) for work in in_order]


def _publish_or_say_why(work: Work) -> Outcome:
    """Return the subflow's outcome; an error that it ends with becomes a failed outcome."""
    newsletter, zone = work.newsletter.name, work.document.zone.code
    state = publish_issue(newsletter, zone, work.document.key, work, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, Outcome):
        return result
    known = isinstance(result, GridletterError)
    reason = str(result) if known else one_line(f"{type(result).__name__}: {result}")
    kept = steps.keep_failed_notebook(work, result) if isinstance(result, NotebookError) else None
    return Outcome("failed", newsletter, zone, reason=reason, kept=kept)


def _refresh_search(archive: Archive) -> None:
    """Refresh the search; where it fails, the issues are published and delivered all the same."""
    try:
        steps.refresh_search(archive)
    except GridletterError as error:
        get_run_logger().error("the archive's search is not up to date: %s", error)


def _alert(post: Post, outcomes: list[Outcome]) -> None:
    """Tell the operators what needs them; a mail that can't go out is no reason to fail more."""
    alarming = [outcome for outcome in outcomes if outcome.state == "failed" or outcome.alarming]
    if not alarming or post.settings.operators is None:
        return
    try:
        steps.tell_operators(post, alarming)
    except GridletterError as error:
        get_run_logger().error("the operators could not be told: %s", error)

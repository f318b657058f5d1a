"""Many senders of one issue, and senders that are told to stop: one mail for each, and no more."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace

import psutil
import pytest
from mail_audit import audit_held
from mail_seams import Stop
from mail_sender import FAST

from flows.delivery.ledger import State

pytest_plugins = ("dynamodb_standin",)

WAIT_SECONDS = 90
BOTH = pytest.mark.parametrize(
    ("kind", "recipients"), [("sqlite", 2_000), ("dynamodb", 60)], indirect=["kind"]
)


def _wait_for(condition):
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def _finish(*processes):
    for process in processes:
        process.join(WAIT_SECONDS)
        assert process.exitcode == 0


def _audit_done(sender, server):
    found = audit_held(sender, server)
    assert found.counts == {State.ACCEPTED: sender.recipients}
    assert found.mails.total() == sender.recipients


@pytest.mark.timeout(180)
@BOTH
def test_two_processes_with_one_issue(sender, server, recipients, figures):
    """Two that enrol and send at once, each with a ledger of its own, send each mail once."""
    sender = replace(sender, recipients=recipients)
    _finish(sender.start(), sender.start())
    _audit_done(sender, server)
    figures.update(senders=2, recipients=recipients)


@pytest.mark.timeout(180)
def test_a_hundred_runs_of_one_issue(sender, server, figures):
    """Ten processes with ten runs each, as duplicates of one event come in, send each mail once."""
    sender = replace(sender, recipients=3_000, runs=10)
    _finish(*[sender.start() for _ in range(10)])
    _audit_done(sender, server)
    figures.update(senders=100, recipients=3_000)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["sqlite", "dynamodb"], indirect=True)
@pytest.mark.parametrize(
    ("step", "unknown"),
    # A mail's result travels with the next `begin`: stopped before that, it is unknown, too.
    [("after claim", 0), ("after body", 1), ("after begin", 1), ("after dot", 1)],
)
def test_a_sender_that_sleeps_past_its_lease(sender, server, step, unknown, figures):
    """What it had not begun is refused when it wakes; what it had is held for it, and sent once."""
    sender = replace(sender, recipients=40)
    stopped = replace(
        sender,
        policy=replace(FAST, connections=1, lease_seconds=2),
        stop=Stop(step, nth=2 if step != "after claim" else 1, signal=signal.SIGSTOP),
    ).start()
    _wait_for(lambda: psutil.Process(stopped.pid).status() == psutil.STATUS_STOPPED)
    _finish(sender.start())
    held = audit_held(sender, server)
    assert held.counts[State.UNKNOWN] == unknown
    assert held.counts[State.ACCEPTED] == sender.recipients - unknown
    os.kill(stopped.pid, signal.SIGCONT)
    _finish(stopped)
    _audit_done(sender, server)
    figures.update(stopped=1, recipients=40, unknown=unknown)


@pytest.mark.timeout(180)
@BOTH
def test_a_sender_that_is_told_to_stop(sender, server, recipients, figures):
    """SIGTERM: what is in flight is finished, nothing is unknown, all else can be taken at once."""
    # Nothing could be taken again before the test is over if a lease were left.
    sender = replace(sender, recipients=recipients, policy=replace(FAST, lease_seconds=3600))
    ledger, issue_id = sender.ledger(), sender.prepared.issue_id
    draw = random.Random(543)  # noqa: S311 — a schedule, no secret
    while server.count() < recipients:
        wanted = server.count() + draw.randint(1, recipients // 10)
        process = sender.start()
        _wait_for(lambda wanted=wanted: server.count() >= min(wanted, recipients))
        time.sleep(draw.uniform(0, 0.02))
        process.terminate()
        _finish(process)
        counts = ledger.counts(issue_id)
        assert set(counts) <= {State.ACCEPTED, State.PENDING}
        assert counts[State.ACCEPTED] == server.count()
        assert ledger.next_due(issue_id) in {0, None}
        figures["told to stop"] += 1
    _audit_done(sender, server)
    figures["recipients"] += recipients

"""Senders that are killed at any step: nobody gets two mails, nobody is lost, the sums balance."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from mail_audit import audit, audit_held
from mail_seams import STEPS, Stop
from mail_sender import FAST

from flows.delivery.ledger import State
from ledger_examples import people
from mail_examples import issue, prepared
from smtp_conversation import Fault

if TYPE_CHECKING:
    from flows.delivery.policy import Policy

pytest_plugins = ("dynamodb_standin",)

WAIT_SECONDS = 60
# Later by so much, every lease of before is over.
LATER = 1000.0
KILLED = -9
# As short as a busy machine can bear, so that a restart soon takes over what the dead have claimed.
SHORT_LEASES = replace(FAST, reply_seconds=1.5, lease_seconds=2)


def _finish(sender):
    """Run a sender that must come to its end."""
    process = sender.start()
    process.join(WAIT_SECONDS)
    assert process.exitcode == 0


def _settle_accounts(sender, server, figures, *, kills):
    """Audit while the unknown ones are held, then have them sent, and audit again."""
    held = audit_held(sender, server)
    unknown = held.counts[State.UNKNOWN]
    assert unknown <= kills * sender.policy.connections
    assert sender.ledger().release_unknown(sender.prepared.issue_id) == unknown
    _finish(sender)
    found = audit(sender, server)
    assert not found.counts[State.UNKNOWN]
    for email, mails in found.mails.items():
        assert mails <= 1 + (email in held.taken_unknown)
    for email, state in held.states.items():
        assert state is State.UNKNOWN or found.states[email] is state
    figures["recipients"] += sender.recipients
    figures["kills"] += kills
    figures.update({str(state): number for state, number in held.counts.items()})
    figures["of them taken"] += len(held.taken_unknown)
    figures["mails twice while held"] += held.duplicates
    figures["mails twice after resend"] += found.duplicates


def _kill_at(sender, server, figures, step, nth):
    """Kill a sender as it passes a step the nth time; False where it never does."""
    sender = replace(sender, prepared=prepared(issue(issue_id=f"{nth:020}"), link=None))
    process = replace(sender, stop=Stop(step, nth)).start()
    process.join(WAIT_SECONDS)
    if process.exitcode == 0:
        return False
    assert process.exitcode == KILLED
    later = replace(sender, ahead_seconds=LATER)
    _finish(later)
    _settle_accounts(later, server, figures, kills=1)
    return True


@pytest.mark.timeout(120)
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_every_step(sender, server, step, figures):
    """Killed each time that it passes a step, a sender leaves at most one mail unknown."""
    sender = replace(sender, recipients=3, policy=replace(FAST, connections=1))
    passes = itertools.takewhile(
        lambda nth: _kill_at(sender, server, figures, step, nth), itertools.count(1)
    )
    assert list(passes)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["dynamodb"], indirect=True)
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_every_step_of_dynamodb(sender, server, step, figures):
    """The same, for the first time that each step is passed."""
    sender = replace(sender, recipients=2, policy=replace(FAST, connections=1))
    assert _kill_at(sender, server, figures, step, 1)


# Some are refused for good, some for now; of some, the mail's first bytes are too much to bear.
ODD = [
    *(Fault("RCPT", "550 5.1.1 no such user", p.email, times=10**6) for p in people(10_000)[::101]),
    *(Fault("RCPT", "450 4.2.0 later", p.email) for p in people(10_000)[1::53]),
    *(Fault("body", None, p.email) for p in people(10_000)[2::211]),
]


@dataclass(frozen=True)
class Plan:
    """How many recipients and, at least, kills; a sender lives for up to so many mails."""

    recipients: int
    kills: int
    most_mails: int
    policy: Policy
    # How much later than the one before each sender believes to be; 0 has it wait for leases.
    later_seconds: float


@pytest.mark.timeout(400)
@pytest.mark.parametrize("faults", [ODD], ids=["odd"])
@pytest.mark.parametrize(
    ("kind", "plan"),
    [
        ("sqlite", Plan(10_000, 200, 50, SHORT_LEASES, 0)),
        ("dynamodb", Plan(300, 12, 30, FAST, LATER)),
    ],
    ids=["sqlite", "dynamodb"],
    indirect=["kind"],
)
def test_random_kills(sender, server, plan, figures):
    """However often senders are killed, and wherever, everybody is accounted for."""
    sender = replace(sender, recipients=plan.recipients, policy=plan.policy)
    draw = random.Random(543)  # noqa: S311 — a schedule, no secret
    readers, kills = people(plan.recipients), 0
    while _dies(sender, server, draw, plan.most_mails):
        kills += 1
        sender = replace(sender, ahead_seconds=kills * plan.later_seconds)
        # Before, while or after its mail is on its way.
        sender.ledger().suppress(draw.choice(readers).email, "unsubscribed")
    assert kills >= plan.kills
    _settle_accounts(sender, server, figures, kills=kills)


def _dies(sender, server, draw, most_mails):
    """Start a sender; kill it after some mails or, if none, a moment. False: it is done."""
    wanted = server.count() + draw.randint(0, most_mails)
    process = sender.start()
    if wanted == server.count():
        time.sleep(draw.uniform(0, 0.3))
    while server.count() < wanted and process.exitcode is None:
        time.sleep(0.001)
    time.sleep(draw.uniform(0, 0.005))
    process.kill()
    process.join()
    assert process.exitcode in {0, KILLED}
    return process.exitcode == KILLED

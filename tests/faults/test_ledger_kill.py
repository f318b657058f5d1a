"""Senders that are killed or stopped at any point: nobody gets two mails, and none is lost."""

import itertools
import os
import random
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from flows.delivery.ledger import State
from ledger_examples import ledger_at, new_tables, people
from ledger_sender import Send, taken

pytest_plugins = ("dynamodb_standin",)

# Later by so much, every lease of before is over.
LATER = 1000.0
WAIT_SECONDS = 30


@pytest.fixture(params=["sqlite", "dynamodb"])
def send(request, tmp_path):
    """Describe a send by a ledger of each kind; moto's is slow, and so gets less to do."""
    server = tmp_path / "taken.txt"
    if request.param == "sqlite":
        return Send(f"sqlite:///{tmp_path / 'ledger.db'}", server)
    request.getfixturevalue("dynamodb")
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return Send(new_tables(), server, recipients=20, environment=environment)


def _counts(send):
    return ledger_at(send.address, time.time).counts(send.issue_id)


def _check(send, kills):
    """Nobody got two mails; what is not known to be sent is held, and that is little."""
    mails, counts = taken(send.server), _counts(send)
    assert len(mails) == len(set(mails))
    assert set(counts) <= {State.ACCEPTED, State.UNKNOWN}
    assert sum(counts.values()) == send.recipients
    assert counts[State.UNKNOWN] <= kills * send.connections
    assert counts[State.ACCEPTED] <= len(mails) <= send.recipients


def _finish(process):
    process.join(WAIT_SECONDS)
    assert process.exitcode == 0


def _send_under_kills(send, longest_seconds, draw):
    """Kill sender after sender until one comes to the end; return how many it took."""
    kills = 0
    while True:
        process = replace(send, ahead_seconds=kills * LATER).start()
        # Growing, so that one comes to the end at last.
        process.join(draw.uniform(0, longest_seconds * (1 + kills / 4)))
        if process.exitcode is not None:
            break
        process.kill()
        process.join()
        kills += 1
    assert process.exitcode == 0
    return kills


def test_random_kills(send, tmp_path):
    """However often and wherever senders are killed, the ledger balances and nobody gets two."""
    wanted, longest_seconds = (40, 0.15) if send.address.startswith("sqlite") else (10, 1.0)
    draw, kills = random.Random(7), 0  # noqa: S311 — a schedule, no secret
    for number in itertools.count():
        issue = replace(send, issue_id=f"issue-{number}", server=tmp_path / f"{number}.txt")
        kills_now = _send_under_kills(issue, longest_seconds, draw)
        _check(issue, kills_now)
        kills += kills_now
        if kills >= wanted:
            break


def test_a_kill_at_every_statement(tmp_path):
    """Killed before each statement that a send makes, SQLite always leaves one that can go on."""
    for statement in itertools.count():
        send = Send(
            f"sqlite:///{tmp_path / 'ledger.db'}",
            tmp_path / f"{statement}.txt",
            issue_id=f"issue-{statement}",
            recipients=2,
            connections=1,
        )
        process = replace(send, dies_at_statement=statement).start()
        process.join(WAIT_SECONDS)
        killed = process.exitcode == -signal.SIGKILL
        assert killed or process.exitcode == 0
        _finish(replace(send, ahead_seconds=LATER).start())
        _check(send, kills=int(killed))
        if not killed:
            break
    assert statement > 20


def test_several_processes_share_an_issue(send):
    """Three that start at once, on a ledger that is not there yet, send each mail once."""
    processes = [send.start() for _ in range(3)]
    for process in processes:
        _finish(process)
    assert Counter(taken(send.server)) == Counter(p.email for p in people(send.recipients))
    assert _counts(send) == {State.ACCEPTED: send.recipients}


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks /proc whether a process is stopped")
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_holder_that_sleeps_past_its_lease(send, where):
    """Who is stopped before `begin` is refused; who is stopped after it still sends that mail."""
    stopped = replace(send, connections=1, lease_seconds=2.0, stops=where)
    process = stopped.start()
    _wait_until_stopped(process.pid)
    time.sleep(stopped.lease_seconds)
    _finish(send.start())
    before = {"before": {State.ACCEPTED: send.recipients}}
    after = {"after": {State.ACCEPTED: send.recipients - 1, State.UNKNOWN: 1}}
    assert _counts(send) == {**before, **after}[where]
    os.kill(process.pid, signal.SIGCONT)
    _finish(process)
    assert _counts(send) == {State.ACCEPTED: send.recipients}
    assert Counter(taken(send.server)) == Counter(p.email for p in people(send.recipients))


def _wait_until_stopped(pid):
    until = time.monotonic() + WAIT_SECONDS
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < until
        time.sleep(0.01)

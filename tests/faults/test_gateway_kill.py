"""A gateway that is killed at any moment: what it answered 2xx is there, once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway_process import GatewayProcess

from gateway_examples import PUSH

PUSHES = 600
SENDERS = 6
KILLS = 8


def a_push(number: int) -> bytes:
    """Return a push that differs from all others."""
    return PUSH.replace("705ce35c1d0fa4a8ba37333473268d77", f"document-{number}").encode()


def push_until_answered(gateway: GatewayProcess, number: int, tally: Counter[str]) -> None:
    """Push as the platform does: again and again, until there is a 2xx."""
    while (status := gateway.push(a_push(number))) != 200:
        assert status in {0, None}
        tally["lost_answers"] += status == 0
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_what_was_answered_survives_every_kill(tmp_path, figures):
    """Killed again and again amid pushes, the inbox has each of them once, and is sound."""
    gateway = GatewayProcess(tmp_path)
    gateway.start()
    draw = random.Random(6)  # noqa: S311 - which moment, not which key
    tally: Counter[str] = Counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        sent = [senders.submit(push_until_answered, gateway, n, tally) for n in range(PUSHES)]
        for _ in range(KILLS):
            gateway.until_it_listens()
            time.sleep(draw.uniform(0, 0.4))
            gateway.kill()
            gateway.start()
        for one in sent:
            one.result()
    gateway.kill()
    inbox = gateway.inbox
    kept = [message.body for message in inbox.waiting(2 * PUSHES)]
    assert sorted(kept) == sorted(a_push(number).decode() for number in range(PUSHES))
    assert inbox.counts()["waiting_bytes"] == sum(map(len, kept))
    figures.update(pushes=PUSHES, kills=KILLS, **tally)


@pytest.mark.timeout(180)
def test_handing_over_goes_on_through_kills(tmp_path, figures):
    """Another process takes messages out all the while: none is lost, and order is kept."""
    gateway = GatewayProcess(tmp_path)
    gateway.start()
    draw = random.Random(8)  # noqa: S311 - which moment, not which key
    tally: Counter[str] = Counter()
    taken: list[str] = []
    ids: list[str] = []
    done = threading.Event()

    def hand_over() -> None:
        inbox = gateway.inbox
        while not done.is_set() or inbox.counts()["waiting"]:
            for message in inbox.waiting(10):
                taken.append(message.body)
                ids.append(message.id)
                inbox.handed_over(message.id, "a run")
            time.sleep(0.01)

    with ThreadPoolExecutor(SENDERS + 1) as threads:
        taking = threads.submit(hand_over)
        sent = [threads.submit(push_until_answered, gateway, n, tally) for n in range(PUSHES // 2)]
        for _ in range(KILLS // 2):
            gateway.until_it_listens()
            time.sleep(draw.uniform(0, 0.4))
            gateway.kill()
            gateway.start()
        for one in sent:
            one.result()
        done.set()
        taking.result()
    gateway.kill()
    # A push whose answer was lost after it had been taken out comes a second time, and is equal.
    assert set(taken) == {a_push(number).decode() for number in range(PUSHES // 2)}
    assert len(taken) - len(set(taken)) <= tally["lost_answers"]
    assert ids == sorted(ids)
    figures.update(
        pushes=PUSHES // 2, kills=KILLS // 2, twice=len(taken) - len(set(taken)), **tally
    )

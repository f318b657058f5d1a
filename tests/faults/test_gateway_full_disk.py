"""A disk that is really full, a small tmpfs, under the inbox: refused, and nothing lost."""

from __future__ import annotations

import subprocess

import pytest
from gateway_process import GatewayProcess


@pytest.fixture
def small_disk(disk_of):
    """Make a folder with room for sixteen megabytes."""
    with disk_of(16) as folder:
        yield folder


@pytest.mark.timeout(120)
def test_a_full_disk_under_the_inbox_answers_503(small_disk, figures):
    """What was answered 200 is there, the rest was 503 and is taken once there is room again."""
    gateway = GatewayProcess(small_disk)
    bodies = [f"<a>{number}{'x' * 300_000}</a>".encode() for number in range(80)]
    with gateway.running():
        statuses = [gateway.push(body) for body in bodies]
        assert set(statuses) == {200, 503}
        stored = [body for body, status in zip(bodies, statuses, strict=True) if status == 200]
        assert [m.body.encode() for m in _all(gateway.inbox)] == stored
        subprocess.run(["mount", "-o", "remount,size=128m", small_disk], check=True)
        refused = [body for body, status in zip(bodies, statuses, strict=True) if status == 503]
        assert {gateway.push(body) for body in refused} == {200}
        assert [m.body.encode() for m in _all(gateway.inbox)] == stored + refused
    figures.update(pushes=len(bodies), refused=len(refused))


@pytest.mark.timeout(120)
def test_what_waits_on_a_full_disk_survives_a_kill(small_disk):
    """A kill while nothing can be written leaves a sound inbox with all that was answered."""
    gateway = GatewayProcess(small_disk)
    with gateway.running():
        stored = [
            body
            for body in (f"<a>{n}{'x' * 300_000}</a>".encode() for n in range(60))
            if gateway.push(body) == 200
        ]
    subprocess.run(["mount", "-o", "remount,size=128m", small_disk], check=True)
    with gateway.running():
        assert [m.body.encode() for m in _all(gateway.inbox)] == stored
        assert gateway.push(b"<last/>") == 200


def _all(inbox):
    return inbox.waiting(1000)

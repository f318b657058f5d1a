"""Many hostile senders at once: memory stays bounded, and an honest push is served meanwhile."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pytest
from gateway_process import GatewayProcess

from flows.gateway import body, serving
from gateway_examples import HOST, PUSH, WEBHOOK

MB = 1 << 20
LARGEST_MB = 16


class Watch(threading.Thread):
    """Pushes honestly and looks at the memory, all the time, until it is left."""

    def __init__(self, gateway: GatewayProcess) -> None:
        super().__init__()
        self.gateway = gateway
        self.most_mb = 0.0
        self.longest_seconds = 0.0
        self.statuses: list[int | None] = []
        self._done = threading.Event()

    def run(self) -> None:
        """Go on until the end."""
        while not self._done.wait(0.05):
            started = time.monotonic()
            self.statuses.append(self.gateway.push(f"<a>{len(self.statuses)}</a>".encode()))
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
            self.most_mb = max(self.most_mb, self.gateway.memory_mb)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


@pytest.fixture
def gateway(tmp_path):
    """Run a gateway."""
    gateway = GatewayProcess(tmp_path, webhook_largest_mb=LARGEST_MB)
    with gateway.running():
        assert gateway.push(PUSH.encode()) == 200
        yield gateway


@pytest.mark.timeout(120)
def test_fifty_megabytes_from_everywhere(gateway, figures):
    """Bodies of 50 MB, announced or not, and as large as may be: refused or taken, never kept all.

    Of the largest that may come, as many are in memory at once as the gateway has room for, and
    the rest is 503.
    """
    before = gateway.memory_mb
    unannounced = (
        f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )

    def push(number: int) -> int | None:
        if number % 3 == 0:
            return gateway.push(b" " * (50 * MB))
        if number % 3 == 1:
            return _send(gateway, unannounced + 50 * (b"100000\r\n" + b" " * MB + b"\r\n"))
        return gateway.push(b"<a>" + f"{number}".encode() * (LARGEST_MB * MB // 2 - 10))

    with Watch(gateway) as watch, ThreadPoolExecutor(12) as senders:
        statuses = list(senders.map(push, range(36)))
    # Who still sends when the gateway has waited long enough is reset, and may not see the answer.
    assert set(statuses[0::3]) | set(statuses[1::3]) <= {413, 0}
    assert 413 in statuses[0::3]
    assert 413 in statuses[1::3]
    assert set(statuses[2::3]) <= {200, 503}
    assert 200 in statuses[2::3]
    assert set(watch.statuses) <= {200, 503}
    assert 200 in watch.statuses
    assert watch.most_mb - before < 40 * LARGEST_MB
    figures.update(most_mb=round(watch.most_mb - before), longest_seconds=watch.longest_seconds)


@pytest.mark.timeout(120)
def test_bombs_from_everywhere(gateway, figures):
    """Gzips that become a gigabyte are refused without becoming it."""
    before = gateway.memory_mb
    bomb = gzip.compress(b"\0" * (1024 * MB), 9)
    with Watch(gateway) as watch, ThreadPoolExecutor(8) as senders:
        statuses = list(
            senders.map(lambda _: gateway.push(bomb, content_encoding="gzip"), range(40))
        )
    assert set(statuses) == {413}
    assert set(watch.statuses) == {200}
    assert watch.most_mb - before < 20 * LARGEST_MB
    figures.update(most_mb=round(watch.most_mb - before), longest_seconds=watch.longest_seconds)


@pytest.mark.timeout(120)
def test_two_hundred_that_trickle(gateway, figures):
    """One byte a second, in heads and bodies, on many connections: all are cut off soon."""
    head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n<a".encode()
    started = time.monotonic()
    with Watch(gateway) as watch:
        slow = [socket.create_connection((HOST, gateway.port)) for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.sendall(head if number % 2 else b"POST /webh")
            connection.settimeout(0)
        while slow:
            time.sleep(1)
            slow = [connection for connection in slow if _is_open(connection)]
        seconds = time.monotonic() - started
    assert seconds < 3 * (max(body.GRACE_SECONDS, serving.HEAD_SECONDS) + body.LINGER_SECONDS)
    assert set(watch.statuses) == {200}
    assert watch.longest_seconds < 5
    figures.update(until_cut_off=seconds, longest_seconds=watch.longest_seconds)


def _is_open(connection: socket.socket) -> bool:
    """Send one byte more, and look whether the other side has ended it."""
    try:
        while connection.recv(65_536):
            pass
    except BlockingIOError:
        pass
    except ConnectionError:
        return False
    else:
        return False
    try:
        connection.send(b"x")
    except ConnectionError:
        return False
    return True


def _send(gateway: GatewayProcess, raw: bytes) -> int:
    """Send all of it; return the answer's status, 0 where the connection was reset first."""
    with socket.create_connection((HOST, gateway.port)) as connection:
        try:
            connection.sendall(raw)
            return int(connection.recv(12).split()[1])
        except (ConnectionError, IndexError):
            return 0

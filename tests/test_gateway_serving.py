"""The gateway on a real socket: large, slow and broken requests end soon, and with an answer."""

import socket
import time
from itertools import chain, repeat

import httpx
import pytest

from flows.gateway import body, push, serving
from gateway_examples import HOST, PUSH, SOAP, WEBHOOK, Gateway, served

MB = 1 << 20
KEY = "k" * 32


@pytest.fixture
def gateway(home):
    return Gateway()


@pytest.fixture
def client(gateway):
    with (
        served(gateway.app) as port,
        httpx.Client(base_url=f"http://{HOST}:{port}", timeout=20) as client,
    ):
        yield client


def megabytes(number):
    for _ in range(number):
        yield b" " * MB


def test_a_push_over_a_socket(client, gateway):
    """Stored and answered, with nothing in the headers about who serves."""
    answer = client.post(WEBHOOK, content=PUSH, headers={"Content-Type": SOAP})
    assert answer.status_code == 200
    assert "server" not in answer.headers
    assert gateway.bodies == [PUSH]


@pytest.mark.parametrize("content", [b" " * (50 * MB), megabytes(50)], ids=["announced", "chunked"])
def test_fifty_megabytes_are_refused_so_that_the_sender_sees_it(client, content):
    """The sender reads 413 although it is still sending, and the next push is served."""
    answer = client.post(WEBHOOK, content=content)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert client.post(WEBHOOK, content=PUSH).status_code == 200


def test_who_asks_first_sends_nothing(client):
    """Expect: 100-continue with too large a body is answered at once, without a byte of it."""
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        connection.sendall(
            f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            f"Content-Length: {50 * MB}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("begun", [b"", b"P", b"POST /webhooks/entsoe HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(client, monkeypatch, begun):
    """A connection on which no request comes whole is closed, one byte now and then or none."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)
    assert _is_closed(client, begun, b"X")


def test_a_second_head_is_not_waited_for_either(client, monkeypatch):
    """What holds for a connection's first request holds for the next ones, however long it took."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)
    head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    assert _is_closed(client, head.encode(), b"<a/>", b"X")


def test_a_request_under_way_is_waited_for(client, monkeypatch):
    """A body that takes longer than a head may is served, as long as it comes."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.2)

    def in_parts():
        for part in (PUSH[:100], PUSH[100:200], PUSH[200:]):
            time.sleep(0.15)
            yield part.encode()

    assert client.post(WEBHOOK, content=in_parts()).status_code == 200


def test_one_byte_at_a_time_is_cut_off(client, gateway, monkeypatch):
    """A body that trickles gets 408 when its grace is over, and the connection is closed."""
    monkeypatch.setattr(body, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(body, "LINGER_SECONDS", 0.1)
    head = f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n<"
    assert push.LEAST_BYTES_PER_SECOND > 50
    assert _is_closed(client, head.encode(), b" ")
    assert gateway.bodies == []


def _is_closed(client, begun, *more):
    """Send more, at last a byte now and then; say whether the other side ends it within seconds."""
    parts = chain(more[:-1], repeat(more[-1]))
    deadline = time.monotonic() + 5
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        connection.sendall(begun)
        connection.settimeout(0.05)
        time.sleep(0.4 if len(more) > 1 else 0)
        while time.monotonic() < deadline:
            try:
                if not connection.recv(65_536):
                    return True
            except TimeoutError:
                pass
            except ConnectionError:
                return True
            try:
                connection.send(next(parts))
            except ConnectionError:
                return True
    return False


def test_an_answer_does_not_wait_for_the_network(client, monkeypatch):
    """Both parts of an answer leave at once, however the listening socket was made."""
    begin, found = serving.PromptProtocol.connection_made, []

    def begin_and_look(protocol, transport):
        begin(protocol, transport)
        connection = transport.get_extra_info("socket")
        found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(serving.PromptProtocol, "connection_made", begin_and_look)
    assert client.get("/healthz").status_code == 200
    assert found == [1]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /webhooks/entsoe HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 70_000,
    ],
    ids=["TLS", "length", "long header"],
)
def test_what_is_no_request_is_answered_400(client, raw):
    """A broken request ends with its connection, and holds up nobody."""
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        connection.settimeout(5)
        connection.sendall(raw)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert client.get("/healthz").status_code == 200


def test_no_path_is_logged(home, caplog, capfd):
    """Neither the server's log nor ours has a path, which may hold a key or a token."""
    caplog.set_level("DEBUG", "uvicorn")
    caplog.set_level("DEBUG", "flows")
    with served(Gateway(webhook_keys=KEY).app, log_level="debug") as port:
        for where in (f"{WEBHOOK}/{KEY}", f"/unsubscribe/{KEY}", f"/{KEY}"):
            httpx.post(f"http://{HOST}:{port}{where}", content=PUSH)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("uvicorn", "flows"))]
    assert any("is stored as" in text for text in ours)
    assert not any(KEY in text for text in [*ours, *capfd.readouterr()])

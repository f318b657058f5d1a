"""The platform is asked within bounds, whatever it does, and the key is shown to nobody else."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
from contextlib import contextmanager

import pytest

from flows.document.platform import KEY_PLACEHOLDER
from flows.errors import GridletterError, ReferenceUnavailable, SettingsError
from platform_documents import DE_LU_2026

# entsoe-py silences the first itself, which pytest undoes; the second is about its own code.
pytestmark = pytest.mark.filterwarnings(
    "ignore::bs4.builder.XMLParsedAsHTMLWarning", "ignore:The inplace keyword"
)
pytest_plugins = ("platform_standin",)

DEAD_END = "http://127.0.0.1:1/api"  # nothing listens on port 1

# --- a world that fails --------------------------------------------------------------------------

AT_ONCE = {
    "bomb": "longer than 4,194,304 bytes",
    "cut_short": "no sound market document",
    "echo": "connection failed",
    "endless": "longer than 4,194,304 bytes",
    "hang_up": "connection failed",
    "html": "no sound market document",
    "not_accepted_200": r"does not accept the question \(HTTP 200\)",
    "not_accepted_400": r"does not accept the question \(HTTP 400\)",
    "redirect": "HTTP 302",
    "reset": "Connection reset by peer",
    "too_many_requests": "HTTP 429",
    "truncated": "connection failed",
    "unavailable": "HTTP 503",
}
IN_TIME = ["silent", "slow_body", "slow_body_of_no_length", "slow_head"]


@pytest.mark.parametrize(("how", "reason"), AT_ONCE.items())
def test_a_failing_platform_is_retryable(ask, platform_standin, how, reason):
    """A fault of the platform is retryable, says which, is asked once, and is not kept."""
    platform_standin.behave(how)
    with pytest.raises(ReferenceUnavailable, match=reason) as caught:
        ask()
    assert caught.value.retryable
    assert len(platform_standin.requests) == 1
    platform_standin.behave("answer")
    assert ask() == DE_LU_2026


@pytest.mark.parametrize("how", IN_TIME)
def test_the_deadline_is_for_the_whole_answer(ask, platform_standin, how):
    """Silence and a byte every 50 ms, be it in the head or in the body, end at the deadline."""
    platform_standin.behave(how)
    began = time.monotonic()
    with pytest.raises(ReferenceUnavailable, match=r"no whole answer within 0\.4 s"):
        ask(timeout_seconds=0.4)
    assert time.monotonic() - began < 5


def test_the_deadline_is_for_the_tls_handshake_too(ask, monkeypatch):
    """A server that drips its side of the handshake is left at the deadline."""
    with _dripping_handshake() as port:
        monkeypatch.setenv("ENTSOE_ENDPOINT_URL", f"https://127.0.0.1:{port}/api")
        with pytest.raises(ReferenceUnavailable, match=r"no whole answer within 0\.4 s"):
            ask(timeout_seconds=0.4)


@contextmanager
def _dripping_handshake():
    """Serve the head of a TLS handshake record of 16 kB, and then its bytes one by one."""
    closing = threading.Event()

    def drip(server):
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
            while not closing.wait(0.05):
                try:
                    connection.sendall(b"\x00")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        closing.set()
        thread.join()


def test_no_clock_is_left_running(ask, platform_standin):
    """Neither an answer nor a fault leaves a thread behind."""
    before = set(threading.enumerate())
    ask(timeout_seconds=60)
    platform_standin.behave("unavailable")
    with pytest.raises(ReferenceUnavailable):
        ask(year=2025, timeout_seconds=60)
    give_up = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not left


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (DEAD_END, ReferenceUnavailable),
        ("http://platform.invalid/api", ReferenceUnavailable),
        ("ftp://127.0.0.1/api", SettingsError),
        ("127.0.0.1:8080", SettingsError),
        ("http://[::1/api", SettingsError),
        ("http:///api", SettingsError),
    ],
)
def test_a_wrong_endpoint_is_told_from_a_dead_one(ask, monkeypatch, url, error):
    """Nobody at the address is retryable; what is no web address is a settings error."""
    monkeypatch.setenv("ENTSOE_ENDPOINT_URL", url)
    with pytest.raises(error):
        ask()


# --- the key is nowhere to be seen ---------------------------------------------------------------


@pytest.mark.parametrize("how", ["answer", "no_data_400", "unauthorized", *AT_ONCE, "silent"])
def test_the_key_shows_up_nowhere(ask, platform_standin, cache_folder, caplog, how):
    """Whatever happens, no log at any level, error, context of an error or file holds the key."""
    key = "c0ffee00-dead-beef-0000-key0123456789"
    platform_standin.api_key = key
    platform_standin.behave(how)
    caplog.set_level(logging.DEBUG)
    caught = None
    try:
        ask(timeout_seconds=0.4)
    except GridletterError as error:
        caught = error
    seen = caplog.text + "".join(file.read_text() for file in cache_folder.glob("*"))
    if caught is not None:
        assert (caught.__cause__, caught.__context__) == (None, None)
        seen += "".join(traceback.format_exception(caught)) + repr((caught, caught.data))
    assert platform_standin.requests[0].query["securityToken"] == key
    assert KEY_PLACEHOLDER in caplog.text
    assert key not in seen


def test_the_key_shows_up_nowhere_if_nobody_listens(ask, monkeypatch, caplog):
    """The text of a refused connection, which holds the address asked for, goes nowhere."""
    monkeypatch.setenv("ENTSOE_ENDPOINT_URL", DEAD_END)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ReferenceUnavailable, match="Connection refused") as caught:
        ask(api_key="c0ffee00")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "c0ffee00" not in caplog.text

"""A mail server's replies: read whole, in time, and only where they were asked for."""

import socket
import threading
import time

import pytest

from flows.delivery.reader import ConnectionLost, ReplyReader
from flows.delivery.replies import Reply


@pytest.fixture
def wire():
    """A server's end of a connection, and the reader at ours."""
    server, client = socket.socketpair()
    reader = ReplyReader(client)
    with server, client:
        yield server, reader
        reader.close()


def test_a_reply_of_many_lines_is_one(wire):
    """Lines with a hyphen go on, the one without ends it, wherever the packets break."""
    server, reader = wire
    for part in (
        b"550-5.1.1 no\r",
        b"\n550-5.1.1 such",
        b" user\r\n550 5.1.1 here\r\n250 n",
        b"ext\n",
    ):
        server.sendall(part)
    assert reader.reply(1) == Reply(550, "5.1.1 no 5.1.1 such user 5.1.1 here")
    assert reader.reply(1) == Reply(250, "next")
    server.sendall(b"354\r\n")
    assert reader.reply(1) == Reply(354, "")


@pytest.mark.parametrize(
    "said",
    [b"hello\r\n", b"\r\n", b"25\r\n", b"250~ok\r\n", b"\xff\xfe\r\n", b"250-a\r\nb\r\n", b""],
)
def test_what_is_no_reply_is_a_lost_connection(wire, said):
    """Rubbish, and a connection closed in the middle, are never taken for an answer."""
    server, reader = wire
    server.sendall(said)
    server.close()
    with pytest.raises(ConnectionLost):
        reader.reply(1)


def test_421_closes_and_is_kept(wire):
    """The server's last word is told with the loss."""
    server, reader = wire
    server.sendall(b"421 4.3.2 closing\r\n")
    with pytest.raises(ConnectionLost) as lost:
        reader.reply(1)
    assert lost.value.reply == Reply(421, "4.3.2 closing")


def test_a_reply_that_trickles_has_an_end(wire):
    """A byte now and then does not win more time: the whole reply is to come within it."""
    server, reader = wire
    done = threading.Event()

    def trickle():
        while not done.wait(0.05):
            server.sendall(b"2")

    thread = threading.Thread(target=trickle)
    thread.start()
    started = time.monotonic()
    with pytest.raises(ConnectionLost, match=r"in time|timed out"):
        reader.reply(0.3)
    done.set()
    thread.join()
    assert time.monotonic() - started < 2


def test_a_reply_without_end_is_cut(wire):
    """A server that never ends its line fills no memory."""
    server, reader = wire
    threading.Thread(target=server.sendall, args=(b"2" * 200_000,), daemon=True).start()
    with pytest.raises(ConnectionLost, match="does not end"):
        reader.reply(5)


@pytest.mark.parametrize("read_before", [True, False])
def test_what_nobody_asked_for_is_noticed(wire, read_before):
    """A reply too many is seen, on the wire or read along with the one before."""
    server, reader = wire
    reader.expect_silence()
    server.sendall(b"250 ok\r\n250 again\r\n" if read_before else b"250 again\r\n")
    if read_before:
        assert reader.reply(1).code == 250
    with pytest.raises(ConnectionLost, match="out of turn"):
        reader.expect_silence()


def test_a_server_that_hung_up_is_noticed(wire):
    """Before a word is said to it, a closed connection is known to be closed."""
    server, reader = wire
    server.close()
    with pytest.raises(ConnectionLost):
        reader.expect_silence()

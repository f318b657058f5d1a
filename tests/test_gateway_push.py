"""A push is stored, then answered; what is no message is refused, and nothing else is."""

import asyncio
import base64
import gzip
import io
import tracemalloc
import zipfile
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from documents import envelope
from flows.document import read, unpack
from flows.document.message import MAX_MESSAGE_BYTES
from flows.errors import MessageError, StorageError
from flows.gateway import body, push
from flows.gateway.inbox import Inbox
from gateway_examples import PUSH, SAMPLE, SOAP, WEBHOOK, Gateway, call

MB = 1 << 20
# Of XML, JSON, base64 and packed files, and of text in other encodings.
PIECES = b"""<a > <?xml ?> " \\ \\u003c &a; <!-- <![CDATA[ H4sI UEsDB PK""".split()
PIECES += [b"\x03\x04", b"\x1f\x8b", b"\xef\xbb\xbf", b"\xff\xfe", b"\0"]
LENIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def zipped(*texts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{number}.xml", text)
    return file.getvalue()


@pytest.fixture
def gateway(home):
    return Gateway()


def test_a_push_is_stored_as_it_came_then_answered(gateway):
    """The envelope is in the inbox letter by letter when 200 is said, and its forwarder told."""
    answer = gateway.push(PUSH.encode())
    assert answer.status_code == 200
    assert gateway.bodies == [PUSH]
    assert gateway.told == 1
    [payload] = unpack(gateway.bodies[0])
    assert read(payload.xml)


@pytest.mark.parametrize(
    "text",
    [
        SAMPLE,
        f"\ufeff \r\n{SAMPLE}",
        PUSH.replace("\n", "\\n").replace('"', '\\"'),
        '"' + PUSH.replace("\n", "\\n").replace('"', '\\"') + '"',
        base64.b64encode(gzip.compress(SAMPLE.encode(), mtime=0)).decode(),
        base64.encodebytes(zipped(SAMPLE, PUSH)).decode(),
        '"' + base64.b64encode(gzip.compress(SAMPLE.encode(), mtime=0)).decode() + '"',
        "\\u003cGL_MarketDocument/>",
        SAMPLE[: len(SAMPLE) // 2],
        "<anything/>",
        envelope(),
    ],
    ids=lambda text: text[:12],
)
def test_each_form_of_message_is_stored(gateway, text):
    """What `unpack` may take, whole or broken inside, is stored as it is: the flow judges it."""
    assert gateway.push(text.encode()).status_code == 200
    assert [stored.lstrip("\ufeff") for stored in gateway.bodies] == [text.lstrip("\ufeff")]


@pytest.mark.parametrize(
    "packed", [gzip.compress(SAMPLE.encode()), zipped(SAMPLE, PUSH)], ids=["gzip", "zip"]
)
def test_a_binary_push_is_stored_in_base64(gateway, packed):
    """A gzip or zip file as the body, of any content type, comes to the flow as a message."""
    assert gateway.push(packed, "application/octet-stream").status_code == 200
    assert base64.b64decode(gateway.bodies[0]) == packed
    assert unpack(gateway.bodies[0])[0].xml == SAMPLE.encode()


def test_a_compressed_push_is_stored_unpacked(gateway):
    """Content-Encoding gzip is of the way here, not of the message."""
    for coding in ("gzip", "X-GZIP", "identity", ""):
        sent = gzip.compress(PUSH.encode()) if "g" in coding.lower() else PUSH.encode()
        assert gateway.push(sent, content_encoding=coding).status_code == 200
    assert gateway.bodies == [PUSH]


@pytest.mark.parametrize(
    "text",
    [
        "<a>{{ event.payload.body }}{% raw %}{# #}${x} %s {0}</a>",
        '<a href="\\u0000\\n">\\"</a>',
        "<a>'; DROP TABLE message; --</a>",
        "<a><![CDATA[</a>]]>&#x202e;\u202e\r\n\t</a>",
    ],
)
def test_what_looks_like_code_is_text(gateway, text):
    """A template, an escape or a statement in a message is stored letter by letter."""
    assert gateway.push(text.encode()).status_code == 200
    assert gateway.bodies == [text]


@pytest.mark.parametrize(
    "content", [b"", b" \r\n\t", gzip.compress(b"")], ids=["nothing", "blanks", "gzip of nothing"]
)
def test_an_empty_push_is_a_ping(gateway, content):
    """A validation ping is answered with an empty 200, and nothing is stored or told."""
    coding = "gzip" if content.startswith(b"\x1f") else "identity"
    answer = gateway.push(content, content_encoding=coding)
    assert (answer.status_code, answer.content) == (200, b"")
    assert gateway.bodies == []
    assert gateway.told == 0


def test_a_hundred_equal_pushes_are_stored_once(gateway):
    """Duplicates that come at once, or before the first one is fetched, are one message."""
    content = PUSH.encode()
    answers = [gateway.push(content).status_code for _ in range(50)]

    async def push_at_once():
        requests = [call(gateway.app, "POST", WEBHOOK, _sending(content)) for _ in range(50)]
        return [messages[0]["status"] for messages in await asyncio.gather(*requests)]

    answers += asyncio.run(push_at_once())
    assert set(answers) == {200}
    assert gateway.bodies == [PUSH]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"hello", 400),
        (b"{{ event.payload.body }}", 400),
        (b'{"a": 1}', 400),
        (b"s3://claims/other", 400),
        (b"file:///etc/passwd", 400),
        (b"<", 400),
        (b"<a\0/>", 400),
        (b"<a>\0</a>", 400),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 400),
        (b"UEsDB", 400),
        (base64.b64encode(b"something else"), 400),
        (b'"\\ud800', 400),
        (b"<a>\xff</a>", 415),
        (b"\xff\xfe<", 415),
    ],
)
def test_what_is_no_message_is_refused(gateway, content, status):
    """Neither XML nor packed: 4xx with one line that says so, and nothing is stored."""
    answer = gateway.push(content, "text/plain")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert 0 < len(answer.text) < 100
    assert "\n" not in answer.text
    assert gateway.bodies == []
    assert gateway.told == 0


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("<a>Ø</a>".encode("latin-1"), "text/xml; charset=ISO-8859-1"),
        ("<a>Ø</a>".encode(), "text/xml; charset=ISO-8859-1"),
        ("<a>Ø</a>".encode(), 'text/xml; charset="UTF-8"'),
        ("<a>Ø</a>".encode(), "text/xml; charset=us-ascii"),
        ("<a>Ø</a>".encode(), ""),
        ("<a>Ø</a>".encode("utf-16"), "text/xml"),
        ("<a>Ø</a>".encode("utf-16-be"), "text/xml; charset=utf-16be"),
    ],
)
def test_a_charset_is_understood(gateway, content, content_type):
    """UTF-8 is believed whatever is declared; otherwise what is declared, or marked as UTF-16."""
    assert gateway.push(content, content_type).status_code == 200
    assert [text.lstrip("\ufeff") for text in gateway.bodies] == ["<a>Ø</a>"]


@pytest.mark.parametrize(
    "charset", ["utf-7", "hex", "rot13", "idna", "ibm037", "no-such", "punycode"]
)
def test_an_unknown_charset_is_refused(gateway, charset):
    """Only charsets that documents come in are decoded, no other codec that Python has."""
    assert gateway.push(b"<a/>", f"text/xml; charset={charset}").status_code == 415
    assert gateway.bodies == []


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "chunked", "*"])
def test_an_unknown_coding_is_refused(gateway, coding):
    """The answer names the one that is taken (RFC 9110, 12.5.3)."""
    answer = gateway.push(b"<a/>", content_encoding=coding)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip"


def test_a_bomb_is_not_unpacked(home):
    """A gzip that becomes more than a push may be is 413; one that is not sound is 400."""
    gateway = Gateway(webhook_largest_mb=1)
    bomb = gzip.compress(b"<a>" + b"\0" * (200 * MB))
    assert len(bomb) < MB
    tracemalloc.start()
    assert gateway.push(bomb, content_encoding="gzip").status_code == 413
    assert tracemalloc.get_traced_memory()[1] < 10 * MB
    tracemalloc.stop()
    sound = gzip.compress(PUSH.encode())
    for broken in (sound[:-1], sound + b"x", sound * 2, b"<a/>", sound[:5] + b"\xff" + sound[6:-4]):
        assert gateway.push(broken, content_encoding="gzip").status_code == 400
    assert gateway.bodies == []
    assert gateway.push(sound, content_encoding="gzip").status_code == 200


def test_a_bomb_that_is_the_message_stays_packed(gateway):
    """A packed body is stored as it is, never unpacked here; the flow's own bounds refuse it."""
    bomb = gzip.compress(b"<a>" + b"\0" * (100 * MB))
    assert gateway.push(bomb, "application/gzip").status_code == 200
    with pytest.raises(MessageError):
        unpack(gateway.bodies[0])


def test_the_largest_push_fits(home):
    """A push of exactly the setting's size is taken; one byte more is 413."""
    gateway = Gateway(webhook_largest_mb=1)
    largest = b"<a>" + b"x" * (MB - 7) + b"</a>"
    assert gateway.push(largest).status_code == 200
    assert gateway.push(largest + b" ").status_code == 413
    assert len(gateway.bodies) == 1


def test_what_no_flow_would_read_is_not_stored(home):
    """However large pushes may be, a message longer than `unpack` reads is 413."""
    gateway = Gateway(webhook_largest_mb=64)
    assert gateway.push(b"<a>" + b"x" * MAX_MESSAGE_BYTES).status_code == 413
    assert gateway.bodies == []


def _sending(content):
    """Return a `receive` that brings the whole body."""

    async def receive():
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


class Endless:
    """A body without end, chunk by chunk."""

    def __init__(self, size, pause=0.0):
        self.size, self.pause, self.asked = size, pause, 0

    async def __call__(self):
        self.asked += 1
        await asyncio.sleep(self.pause)
        return {"type": "http.request", "body": b" " * self.size, "more_body": True}


def test_an_announced_size_is_believed(home, monkeypatch):
    """A body that is said to be too large is refused before a byte of it is asked for."""
    monkeypatch.setattr(body, "LINGER_SECONDS", 0)
    gateway, sender = Gateway(webhook_largest_mb=1), Endless(1000)
    headers = [(b"content-length", b"1048577"), (b"expect", b"100-continue")]
    [start, _] = asyncio.run(call(gateway.app, "POST", WEBHOOK, sender, headers))
    assert start["status"] == 413
    assert sender.asked == 0


def test_a_body_without_end_is_cut_off(home, monkeypatch):
    """No more is kept than the bound, and what lingers after it has a bound of its own."""
    monkeypatch.setattr(body, "LINGER_BYTES", MB)
    gateway, sender = Gateway(webhook_largest_mb=1), Endless(MB // 4)
    [start, _] = asyncio.run(call(gateway.app, "POST", WEBHOOK, sender))
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert sender.asked == 4 + 1 + 4 + 1


@pytest.mark.parametrize(
    ("seconds", "grace", "least"), [(0.3, 60, 1), (60, 0.3, 1000)], ids=["too long", "too slow"]
)
def test_a_body_that_trickles_is_cut_off(gateway, monkeypatch, seconds, grace, least):
    """One byte now and then ends as 408, by the whole time or by the least rate."""
    monkeypatch.setattr(push, "BODY_SECONDS", seconds)
    monkeypatch.setattr(push, "LEAST_BYTES_PER_SECOND", least)
    monkeypatch.setattr(body, "GRACE_SECONDS", grace)
    monkeypatch.setattr(body, "LINGER_SECONDS", 0)
    sender = Endless(1, pause=0.02)
    [start, _] = asyncio.run(call(gateway.app, "POST", WEBHOOK, sender))
    assert start["status"] == 408
    assert 2 < sender.asked < 30
    assert gateway.bodies == []


def test_a_sender_that_leaves_pushed_nothing(gateway):
    """Half a body, though it be sound XML, is not a message."""
    sent = iter([{"type": "http.request", "body": b"<a/>", "more_body": True}])

    async def receive():
        return next(sent, {"type": "http.disconnect"})

    [start, _] = asyncio.run(call(gateway.app, "POST", WEBHOOK, receive))
    assert start["status"] == 408
    assert gateway.bodies == []


def test_bodies_that_come_at_once_are_bounded_together(home, monkeypatch):
    """Many large bodies, each allowed, don't fill the memory: the rest are 503, and come again."""
    monkeypatch.setattr(body, "LINGER_SECONDS", 0)
    gateway = Gateway(webhook_largest_mb=1)
    content = b"<a>" + b"x" * (MB - 3)
    arrived, all_arrived = [], asyncio.Event()

    async def receive(number):
        if number not in arrived:
            arrived.append(number)
            if len(arrived) == 20:
                all_arrived.set()
            return {"type": "http.request", "body": content, "more_body": True}
        await all_arrived.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def push_at_once():
        pushes = [
            call(gateway.app, "POST", WEBHOOK, partial(receive, number)) for number in range(20)
        ]
        return [start for start, _ in await asyncio.gather(*pushes)]

    starts = asyncio.run(push_at_once())
    statuses = [start["status"] for start in starts]
    assert statuses.count(200) == 8
    assert statuses.count(503) == 12
    assert all(b"retry-after" in dict(s["headers"]) for s in starts if s["status"] == 503)
    assert gateway.push(content).status_code == 200


class Away(Inbox):
    """A real inbox that can't be written for the time being."""

    is_away = True

    def put(self, body, *, webhook_id=None):
        if self.is_away:
            raise StorageError("the disk is full", remedy="Make room.", path="inbox.db")
        return super().put(body, webhook_id=webhook_id)


def test_an_inbox_that_is_away_is_not_pretended(home, caplog):
    """503 says when to come again; nothing is told; afterwards the same push is taken."""
    gateway = Gateway(inbox=Away(home / "inbox.db"))
    answer = gateway.push(PUSH.encode())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "disk" not in answer.text
    assert "the disk is full" in caplog.text
    assert gateway.told == 0
    gateway.inbox.is_away = False
    assert gateway.push(PUSH.encode()).status_code == 200
    assert gateway.bodies == [PUSH]


def test_a_full_inbox_answers_503(home):
    """The queue is bounded: what does not fit comes again, and what waits stays."""
    gateway = Gateway(inbox=Inbox(home / "inbox.db", most_waiting_mb=1))
    large = b"<a>" + b"x" * 900_000
    assert gateway.push(large).status_code == 200
    answer = gateway.push(b"<b>" + large)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert gateway.bodies == [large.decode()]


def test_who_cant_be_told_does_not_undo_the_answer(home, caplog):
    """A push that is stored is answered so, also where what forwards it fails."""
    gateway = Gateway(on_push=lambda: 1 / 0)
    assert gateway.push(PUSH.encode()).status_code == 200
    assert gateway.bodies == [PUSH]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("where", [WEBHOOK, f"{WEBHOOK}/{'k' * 32}"])
def test_other_methods_are_refused(gateway, method, where):
    """Only a POST pushes; the rest is 405 and says so."""
    answer = gateway.request(method, where, content=PUSH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert gateway.bodies == []


@pytest.mark.parametrize(
    "where", ["/webhooks", "/webhooks/", "/webhooks/other", f"{WEBHOOK}s", f"{WEBHOOK}/x", "/"]
)
def test_other_paths_take_no_push(gateway, where):
    """Without keys the webhook has one path; nothing is stored by way of another."""
    assert gateway.push(PUSH.encode(), where=where).status_code in {404, 405}
    assert gateway.bodies == []


def test_a_slash_at_the_end_is_the_webhook(gateway):
    """The address that was registered with a slash works, without a redirect."""
    assert gateway.push(PUSH.encode(), where=f"{WEBHOOK}/").status_code == 200


@settings(LENIENT, max_examples=150)
@given(
    content=st.binary(max_size=300)
    | st.text(max_size=100).map(str.encode)
    | st.binary(max_size=100).map(gzip.compress)
    | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join),
    content_type=st.sampled_from([SOAP, "", "text/xml; charset=utf-16", "a; charset*=x'y'%ff"])
    | st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=40),
    coding=st.sampled_from(["", "gzip"]) | st.text(st.characters(codec="ascii", min_codepoint=33)),
    answer=st.sampled_from(["soap", "acknowledgement"]),
)
@example(b"<a>\xed\xa0\x80</a>", "text/xml; charset=iso-8859-1", "", "acknowledgement")
@example(b"<" * 9000, SOAP, "", "soap")
@example(b"<a>" * 3000, SOAP, "", "soap")
@example(b'<a xmlns="\xff"/>', "text/xml; charset=latin1", "", "soap")
def test_whatever_is_pushed_is_stored_or_refused(home, content, content_type, coding, answer):
    """No body and no header is answered with 5xx; 200 for a body means that it is in the inbox."""
    gateway = Gateway(webhook_answer=answer)
    before = gateway.inbox.counts()["waiting"]
    kinds = {"Content-Type": content_type.encode("latin-1"), "Content-Encoding": coding}
    reply = gateway.request("POST", WEBHOOK, content=content, headers=kinds)
    assert reply.status_code in {200, 400, 408, 413, 415}
    for message in gateway.inbox.waiting(10):
        gateway.inbox.handed_over(message.id, "a run")
    if reply.status_code == 200 and reply.content:
        assert etree.fromstring(reply.content) is not None
        assert gateway.told == 1
    assert before == 0
    gateway.inbox.close()

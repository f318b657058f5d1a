"""The unsubscribe page and the one-click POST: nothing by accident, and nothing after a click."""

import asyncio
import os
import re
import shutil
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import takewhile
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer
from playwright.sync_api import sync_playwright
from starlette.applications import Starlette

from flows.delivery.ledger import State
from flows.delivery.ledger_sqlite import SqliteLedger
from flows.delivery.policy import Policy
from flows.delivery.send import deliver
from flows.delivery.smtp import Security, SmtpServer, dial
from flows.delivery.subscribers import SubscriberState
from flows.delivery.unsubscribe import Links
from flows.errors import StorageError
from flows.gateway import unsubscribe
from flows.issue.templating import csp_hash
from mail_examples import ISSUE_ID, entry, prepared, recipients
from smtp_sink import HOST, Sink

READER = "ada.lovelace@mail.example"
KEY = "k" * 32
SITE = "https://letters.example"
LINKS = Links((KEY,), f"{SITE}/unsubscribe/")
TITLES = {"wind_solar": "Wind & solar <forecast>"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = "application/x-www-form-urlencoded"
# No example leaves anything behind in the ledger, and the machine may be busy.
LENIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def path(email=READER, newsletter="wind_solar"):
    """Return the path of the link that is in a mail to `email`."""
    return LINKS.url(newsletter, email).removeprefix(SITE)


def app(ledger):
    return Starlette(routes=unsubscribe.routes(LINKS, ledger, TITLES))


@pytest.fixture
def ledger(tmp_path):
    return SqliteLedger(tmp_path / "ledger.db")


class Client:
    """Asks the application without a socket."""

    def __init__(self, ledger):
        self.transport = httpx.ASGITransport(app(ledger))

    def request(self, method, where, **options):
        async def ask():
            async with httpx.AsyncClient(transport=self.transport, base_url=SITE) as client:
                return await client.request(method, where, **options)

        return asyncio.run(ask())

    def get(self, where):
        return self.request("GET", where)

    def post(self, where, **options):
        return self.request("POST", where, **options)


@pytest.fixture
def client(ledger):
    return Client(ledger)


@contextmanager
def served(ledger):
    """Serve the application by uvicorn on loopback, in a thread; yield its address."""
    config = uvicorn.Config(app(ledger), log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://{HOST}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_changes_nothing(client, ledger, method):
    """A scanner or a preview that opens the link, however often, unsubscribes nobody."""
    for _ in range(3):
        assert client.request(method, path()).status_code == 200
    assert ledger.suppressed(READER) is None


def test_the_page_says_what_the_button_does(client):
    """The page names the newsletter and, in part, the address, and holds one form and no script."""
    html = client.get(path()).text
    assert "Wind &amp; solar &lt;forecast&gt;" in html
    assert "a•••@mail.example" in html
    assert "lovelace" not in html
    assert html.count('<form method="post">') == html.count("<button>") == 1
    assert "<script" not in html
    assert not re.search(r"(?:src|href|action)=", html)


def test_pages_are_kept_and_embedded_nowhere(client):
    """No copy in a cache or an index, no referrer, no frame, no code but the page's own style."""
    for method, where in (("GET", path()), ("POST", path()), ("GET", "/unsubscribe/forged")):
        answer = client.request(method, where, data=ONE_CLICK if method == "POST" else None)
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        assert answer.headers["content-security-policy"] == (
            f"default-src 'none'; style-src {csp_hash(style)}; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "request_",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": "List-Unsubscribe=One-Click", "headers": {"Content-Type": FORM.upper()}},
        {"content": "a=b&List-Unsubscribe=One%2DClick&c="},
        {
            "content": '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n'
            "Content-Type: text/plain\r\n\r\nOne-Click\r\n--x--\r\n",
            "headers": {"Content-Type": 'multipart/form-data; boundary="x"'},
        },
    ],
    ids=["form", "multipart", "upper case", "no type", "typed part"],
)
def test_one_click_is_enough(client, tmp_path, request_):
    """Each form in which RFC 8058 lets a mail program ask is on the disk when it is answered."""
    answer = client.post(path(READER.upper()), **request_)
    assert answer.status_code == 200
    assert "You are unsubscribed<" in answer.text
    with sqlite3.connect(tmp_path / "ledger.db") as another:
        assert another.execute("SELECT email, reason FROM suppression").fetchall() == [
            (READER, "unsubscribed: by the link in wind_solar")
        ]


def test_a_second_click_finds_it_done(client, ledger):
    """The second POST succeeds, too, says so, and the operators' list keeps the first reason."""
    client.post(path(), data=ONE_CLICK)
    answer = client.post(path(newsletter="load"), data=ONE_CLICK)
    assert answer.status_code == 200
    assert "unsubscribed already" in answer.text
    reason = ledger.suppressed(READER)
    assert reason == "unsubscribed: by the link in wind_solar"
    assert SubscriberState.of(reason) is SubscriberState.UNSUBSCRIBED


def test_two_clicks_at_once_are_one(ledger):
    """Of many POSTs at the same moment each is answered, and one of them is the first."""

    async def click_often():
        transport = httpx.ASGITransport(app(ledger))
        async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
            clicks = [client.post(path(), data=ONE_CLICK) for _ in range(20)]
            return await asyncio.gather(*clicks)

    answers = asyncio.run(click_often())
    assert {answer.status_code for answer in answers} == {200}
    assert sum("already" not in answer.text for answer in answers) == 1


@settings(LENIENT, max_examples=60)
@given(data=st.data())
def test_a_forged_or_cut_link_is_unknown(client, ledger, data):
    """A token that is changed, cut, made up or signed by another is 404, unseen in the answer."""
    good = path().removeprefix(unsubscribe.PATH)
    other = URLSafeSerializer("o" * 32, salt="gridletter.unsubscribe").dumps(["load", READER])
    at = data.draw(st.integers(1, len(good) - 1))
    token = data.draw(
        st.sampled_from([good[:at], good[at:], good[:at] + "~" + good[at:], good + "/", other])
        | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="./\n"))
    )
    where = unsubscribe.PATH + quote(token, safe="/")
    for answer in (client.get(where), client.post(where, data=ONE_CLICK)):
        assert answer.status_code == 404
        assert answer.text == client.get("/unsubscribe/forged").text
    assert ledger.suppressed(READER) is None


@settings(LENIENT, max_examples=150)
@given(
    content_type=st.sampled_from(
        ["", FORM, "application/json", "multipart/form-data", "multipart/form-data; boundary=b"]
    )
    | st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=60),
    content=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                b"--b",
                b"\r\n",
                b"--",
                b"\r\n\r\n",
                b"Content-Disposition: form-data",
                b"; name=",
                b"; name*0*=x'y'z",
                b'"List-Unsubscribe',
                b"\xff",
                b"Content-Type: multipart/mixed; boundary=b",
                b"Content-Transfer-Encoding: base64",
                b"&",
                b"=",
                b"%",
                b"One-Cli",
            ]
        ),
        max_size=40,
    ).map(b"".join),
)
@example("multipart/form-data; boundary=b", b"--b\r\n" * 600)
@example("multipart/form-data; boundary*=\xe4'\xff", b"--b\r\n\r\n--b--")
def test_a_post_that_asks_for_nothing_does_nothing(client, ledger, content_type, content):
    """Any other body, however broken, gets the page with the button again and changes nothing."""
    headers = {"Content-Type": content_type.encode("latin-1")}
    answer = client.post(path(), content=content, headers=headers)
    assert answer.status_code == 400
    assert "<button>" in answer.text
    assert ledger.suppressed(READER) is None


class Away(SqliteLedger):
    """A real ledger that can't be written for the time being."""

    is_away = True

    def suppress(self, email, reason):
        if self.is_away:
            raise StorageError("the disk is full", remedy="Make room.", path="ledger.db")
        return super().suppress(email, reason)


def test_a_ledger_that_is_away_is_not_pretended(tmp_path, caplog):
    """503 says when to come again and that mails go on; the operator's log has no address."""
    ledger = Away(tmp_path / "ledger.db")
    client = Client(ledger)
    answer = client.post(path(), data=ONE_CLICK)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "You are unsubscribed" not in answer.text
    assert "<button>" in answer.text
    assert "the disk is full" in caplog.text
    assert "mail.example" not in caplog.text
    ledger.is_away = False
    assert client.post(path(), data=ONE_CLICK).status_code == 200
    assert ledger.suppressed(READER) is not None


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LINK"])
def test_other_methods_are_refused(client, ledger, method):
    """What is neither a look nor a click is 405 and does nothing."""
    answer = client.request(method, path(), content="List-Unsubscribe=One-Click")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
    assert ledger.suppressed(READER) is None


@pytest.mark.parametrize("hostile", ["</p><script>alert(1)</script>", "{{7*7}}", "a\0\u202eb"])
def test_hostile_names_are_text(client, hostile):
    """What a signed link says of newsletter and address is words on the page, never markup."""
    html = client.get(path(f"{hostile}@{hostile}", hostile)).text
    assert "<script" not in html
    assert "49" not in html.partition("<main")[2]
    assert "\0" not in html
    assert "\u202e" not in html


def test_a_large_body_is_cut_off_before_it_is_in_memory(ledger):
    """Of a body without end no more is read than the bound; the answer is 413."""
    asked = 0

    async def receive():
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    answers = asyncio.run(_call(app(ledger), receive))
    assert answers[0]["status"] == 413
    assert asked <= unsubscribe.LARGEST_BODY_BYTES // 1000 + 1
    assert ledger.suppressed(READER) is None


@pytest.mark.parametrize("gone", [True, False])
def test_a_body_that_does_not_come_is_not_waited_for(ledger, monkeypatch, gone):
    """A sender that dawdles, or leaves in the middle, ends as 408 and unsubscribes nobody."""
    monkeypatch.setattr(unsubscribe, "BODY_SECONDS", 0.2)
    sent = iter([{"type": "http.request", "body": b"List-Unsubscribe=One-C", "more_body": True}])

    async def receive():
        message = next(sent, None)
        if message is None and gone:
            return {"type": "http.disconnect"}
        if message is None:
            await asyncio.sleep(60)
        return message

    answers = asyncio.run(_call(app(ledger), receive))
    assert answers[0]["status"] == 408
    assert ledger.suppressed(READER) is None


async def _call(application, receive):
    """Return what the application answers to a POST whose body `receive` brings."""
    answers = []

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path(),
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }
    await application(scope, receive, send)
    return answers


def test_nothing_goes_out_after_the_answer_in_the_middle_of_a_send(tmp_path):
    """A reader whose click was answered, over a real socket, gets none of the mails still to come.

    Only a mail whose last line had been sent before, `sending` in the ledger, may still arrive.
    """
    ledger = SqliteLedger(tmp_path / "ledger.db")
    people = recipients(400)
    ledger.enroll(entry(), people)
    leaving = [person.email for person in reversed(people[::8])]
    clicked, barred = set(), set()
    with Sink(delay_seconds=0.01) as sink, served(SqliteLedger(tmp_path / "ledger.db")) as site:
        sending = threading.Thread(target=_send, args=(ledger, sink))
        sending.start()
        with httpx.Client(base_url=site) as browser:
            while not sink.mails:
                time.sleep(0.001)
            for email in takewhile(lambda _: sending.is_alive(), leaving):
                assert browser.post(path(email), data=ONE_CLICK).status_code == 200
                clicked.add(email)
                if _state(tmp_path / "ledger.db", email) is State.SUPPRESSED:
                    assert email not in sink.recipients
                    barred.add(email)
        sending.join()
        counts = ledger.counts(ISSUE_ID)
        assert len(barred) > 5
        assert counts == {State.SUPPRESSED: len(barred), State.ACCEPTED: 400 - len(barred)}
        assert sink.recipients == sorted({person.email for person in people} - barred)

        # The next issue goes to nobody who left, also of those who had this one already.
        following = replace(entry(), issue_id="f" * 20, revision=2)
        ledger.enroll(following, people)
        assert ledger.counts(following.issue_id)[State.SUPPRESSED] == len(clicked) >= len(barred)


def test_a_click_stops_a_mail_whose_text_is_on_its_way(tmp_path):
    """Between a mail's text and the dot that ends it, an answered click still holds it back."""
    leaving = "reader7@mail.example"
    people = recipients(20)

    class Clicked(SqliteLedger):
        def begin(self, claims, results=()):
            if any(claim.recipient.email == leaving for claim in claims):
                answer = httpx.post(site + path(leaving), data=ONE_CLICK)
                assert answer.status_code == 200
            return super().begin(claims, results)

    ledger = Clicked(tmp_path / "ledger.db")
    ledger.enroll(entry(), people)
    with Sink() as sink, served(SqliteLedger(tmp_path / "ledger.db")) as site:
        counts = _send(ledger, sink)
        assert any(leaving in command for command in sink.commands)
    assert counts == {State.ACCEPTED: 19, State.SUPPRESSED: 1}
    assert sink.recipients == sorted({person.email for person in people} - {leaving})


def _send(ledger, sink):
    server = SmtpServer(HOST, sink.port, Security.NONE)
    connect = partial(dial, server, timeout_seconds=2)
    policy = Policy(connections=2, patience_seconds=1)
    return deliver(ledger, prepared(), connect, holder="test", policy=policy)


def _state(database, email):
    with sqlite3.connect(database) as connection:
        query = "SELECT state FROM delivery WHERE email = ?"
        return State(connection.execute(query, (email,)).fetchone()[0])


# On CI a missing browser is a failure of the set-up, not a reason to pass.
@pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="Chromium is not installed")
def test_a_person_presses_the_button(ledger):
    """In a real browser, at 360 px: the page does nothing until the button is pressed, then all."""
    messages = []
    with served(ledger) as site, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = chromium.new_page(viewport={"width": 360, "height": 640}, color_scheme="dark")
        page.on("console", lambda message: messages.append(message.text))
        page.goto(site + path())
        assert ledger.suppressed(READER) is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="Unsubscribe").click()
        assert page.get_by_role("heading").inner_text() == "You are unsubscribed"
        assert ledger.suppressed(READER) is not None
        page.reload()
        chromium.close()
    assert messages == []

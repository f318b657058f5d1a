"""The outbox: each mail once, whole, and finished by a later run; mails that programs can read."""

from __future__ import annotations

import email
import email.policy
import os
import re
from html.parser import HTMLParser
from threading import Event

import pytest

import issue_examples as examples
from flows.delivery.compose import prepare
from flows.delivery.ledger import Entry, Recipient, State, open_ledger
from flows.delivery.outbox import Outbox
from flows.errors import StorageError

ADA = Recipient("ada@reader.example", "Ada")
BO = Recipient("bo@reader.example", "Bo")


@pytest.fixture
def prepared():
    """A mail with one of everything."""
    issue, rendering = examples.render_notebook(examples.full())
    return prepare(
        issue,
        rendering.mail_html,
        rendering.mail_text,
        {image.name: image.light_png for image in rendering.images},
        sender="Gridletter <news@letters.example>",
        unsubscribe_url=None,
    )


@pytest.fixture
def ledger(tmp_path, prepared):
    """A ledger in which the issue is enrolled for two readers."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    entry = Entry(prepared.issue_id, "issues/x", "wind_solar", "DE_LU", "key", 1)
    ledger.enroll(entry, [ADA, BO])
    return ledger


def deliver(tmp_path, ledger, prepared, stop=None):
    outbox = Outbox(tmp_path / "outbox")
    return outbox.deliver(ledger, prepared, holder="test", stop=stop or Event())


def mails(tmp_path):
    return sorted((tmp_path / "outbox").glob("*.eml"))


def test_each_mail_is_written_once(tmp_path, ledger, prepared):
    """One file a reader, whole; a second run writes nothing, and no temporary file is left."""
    assert deliver(tmp_path, ledger, prepared) == {State.ACCEPTED: 2}
    before = [path.stat() for path in mails(tmp_path)]
    assert deliver(tmp_path, ledger, prepared) == {State.ACCEPTED: 2}
    assert [path.stat() for path in mails(tmp_path)] == before
    assert len(before) == len(list((tmp_path / "outbox").iterdir())) == 2


def test_a_crash_before_the_ledger_knows_writes_no_second_file(tmp_path, ledger, prepared):
    """A file that stands already is settled as it is: a dead run's claim is taken and finished."""
    deliver(tmp_path, ledger, prepared)
    first = {path: path.read_bytes() for path in mails(tmp_path)}
    again = open_ledger(f"sqlite:///{tmp_path / 'other.db'}")
    again.enroll(Entry(prepared.issue_id, "x", "wind_solar", "DE_LU", "key", 1), [ADA, BO])
    assert deliver(tmp_path, again, prepared) == {State.ACCEPTED: 2}
    assert {path: path.read_bytes() for path in mails(tmp_path)} == first


def test_a_full_disk_settles_nothing(tmp_path, ledger, prepared, monkeypatch):
    """Without room no half mail stands, the rows stay open, and the next run delivers them."""
    with monkeypatch.context() as full:
        full.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(StorageError, match="No space left"):
            deliver(tmp_path, ledger, prepared)
    assert mails(tmp_path) == []
    assert ledger.counts(prepared.issue_id) == {State.PENDING: 2}
    assert deliver(tmp_path, ledger, prepared) == {State.ACCEPTED: 2}


def test_who_unsubscribed_gets_no_file(tmp_path, ledger, prepared):
    """A suppressed address is passed over, and its row says so."""
    ledger.suppress(BO.email, "unsubscribed")
    assert deliver(tmp_path, ledger, prepared) == {State.ACCEPTED: 1, State.SUPPRESSED: 1}
    (path,) = mails(tmp_path)
    assert b"ada@reader.example" in path.read_bytes()


def test_a_stopped_run_begins_nothing(tmp_path, ledger, prepared):
    """Once it is to stop it takes no further rows; they are there for the next run at once."""
    stop = Event()
    stop.set()
    assert deliver(tmp_path, ledger, prepared, stop) == {State.PENDING: 2}
    assert mails(tmp_path) == []


def test_a_mail_is_what_readers_need(tmp_path, ledger, prepared):
    """Parsed by the standard library: text that reads, small HTML, no script, related images."""
    deliver(tmp_path, ledger, prepared)
    path = next(path for path in mails(tmp_path) if b"ada@reader" in path.read_bytes())
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert not message.defects
    assert message["To"] == "Ada <ada@reader.example>"
    assert message["Message-ID"] == f"<{path.stem}@letters.example>"
    assert message["List-Id"] == '"Wind & solar forecast" <wind-solar.letters.example>'
    assert message["Date"].datetime == examples.PUBLISHED
    assert message["Subject"].startswith(examples.HEADLINE)
    assert message["Bcc"] is None
    assert message.get_content_type() == "multipart/alternative"

    text = message.get_body(("plain",)).get_content()
    assert examples.HEADLINE in text
    assert "41.2 GW" in re.sub(r" +", " ", text)
    assert "Hello Ada," in text

    html = message.get_body(("html",)).get_content()
    assert len(html.encode()) < 102_000
    assert "<script" not in html.lower()
    assert "data:" not in html.lower()
    carried = {part["Content-ID"].strip("<>") for part in message.walk() if part["Content-ID"]}
    images = []

    class Images(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag == "img":
                images.append(dict(attrs))

    Images().feed(html)
    assert images
    for image in images:
        assert image["src"].removeprefix("cid:") in carried
        assert image["alt"].strip()

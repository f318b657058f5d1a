"""The outbox: each mail once, whole, and finished by a later run; mails that programs can read."""

from __future__ import annotations

import email
import email.policy
import os
import re
from html.parser import HTMLParser

import pytest

import issue_examples as examples
from flows.delivery.compose import prepare
from flows.delivery.ledger import Recipient
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


def test_each_mail_is_written_once(tmp_path, prepared):
    """One file a reader; a closed issue gets no further mail, not even for a new reader."""
    outbox = Outbox(tmp_path / "outbox")
    assert outbox.write(prepared, [ADA, BO]) == 2
    assert outbox.is_closed(prepared.issue_id)
    assert outbox.write(prepared, [ADA, BO, Recipient("new@reader.example", "New")]) == 0
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 2


def test_a_run_that_died_is_finished(tmp_path, prepared):
    """Whatever the first run wrote stays; the second writes the rest and no mail twice."""
    outbox = Outbox(tmp_path / "outbox")

    def dies_after_the_first():
        yield ADA
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.write(prepared, dies_after_the_first())
    (first,) = (tmp_path / "outbox").glob("*.eml")
    before = first.stat()
    assert not outbox.is_closed(prepared.issue_id)
    assert outbox.write(prepared, [ADA, BO]) == 1
    assert first.stat() == before
    assert not [p for p in (tmp_path / "outbox").iterdir() if p.name.startswith(".")]


def test_a_full_disk_closes_nothing(tmp_path, prepared, monkeypatch):
    """Without room no half mail stands, the issue stays open, and the next run delivers it."""
    outbox = Outbox(tmp_path / "outbox")
    with monkeypatch.context() as full:
        full.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(StorageError, match="No space left"):
            outbox.write(prepared, [ADA])
    assert not list((tmp_path / "outbox").glob("*.eml"))
    assert outbox.write(prepared, [ADA]) == 1


def test_a_mail_is_what_readers_need(tmp_path, prepared):
    """Parsed by the standard library: text that reads, small HTML, no script, related images."""
    Outbox(tmp_path / "outbox").write(prepared, [ADA])
    (path,) = (tmp_path / "outbox").glob("*.eml")
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

"""A draft is what would be archived and sent; the command shows it, and anew when it is saved."""

from __future__ import annotations

import email
import email.policy
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from lxml import html as lxml_html

from conftest import SAMPLES
from flows import settings
from flows.archive import Archive, open_store
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from flows.errors import DocumentError, NotebookError
from flows.issue import with_cids
from flows.notebook import newsletter as newsletters
from flows.preview import draft, frames, watch
from flows.preview.draft import READER, Draft, Skipped
from flows.preview.frames import Fault
from notebooks import write
from waiting import until

GRIDLETTER = Path(sys.executable).with_name("gridletter")
EARLIER = (SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8")
SAMPLE = (SAMPLES / "wind_solar_DE_LU_intraday.xml").read_text(encoding="utf-8")
SHOWN = """
import pandas as pd
from flows import desk
document = desk.read(event_payload)
desk.headline("Solar peaks: äöü €", lede="A bright day.")
desk.kpis(desk.kpi("Peak", document.frame["value"].max() / 1000, "GW"))
figure, axes = desk.chart(2.0)
axes.plot([1, 2], [1.0, 2.0], label="Solar")
desk.figure(figure, alt="A line.")
desk.table(pd.DataFrame({"hour": ["13:00"], "GW": [1.0]}), caption="By hour")
"""


@pytest.fixture
def letters(tmp_path, monkeypatch):
    """A folder of newsletters, of which one shows something of everything."""
    folder = tmp_path / "letters"
    folder.mkdir()
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder))
    write(folder, SHOWN)
    (folder / "sample.xml").write_text(EARLIER, encoding="utf-8")
    return folder


def make(letters, message=EARLIER, **options):
    """Return the draft that the newsletter `example` makes of the message."""
    letter = newsletters.load(letters / "example.ipynb")
    return draft.make(letter, draft.choose(letter, message), settings.load(), **options)


def publish(message):
    """Run the flow; return the issue that it made."""
    from flows.publish import publish as flow

    (outcome,) = flow(message)
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    path = outcome.page.removeprefix(options.archive_url).removesuffix("/index.html")
    return archive, archive.load(path)


# --- what would be sent --------------------------------------------------------------------------


@pytest.mark.usefixtures("prefect")
def test_the_mail_of_a_draft_is_the_mail_that_is_sent(letters, home, monkeypatch):
    """Bytes are equal for the same reader, for another but for what is theirs; so is the page."""
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_URL", "https://news.example/unsubscribe/")
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_KEYS", "k" * 40)
    home.mkdir()
    readers = (Subscriber(READER.name, READER.email), Subscriber("Ada", "ada@reader.example"))
    open_directory(f"sqlite:///{home / 'ledger.db'}").add(readers)
    publish(EARLIER)
    # With an issue before it, which the second is compared with.
    archive, issue = publish(SAMPLE)
    made = make(letters, SAMPLE, published=issue.published)
    outbox = (path.read_bytes() for path in (home / "outbox").glob("*.eml"))
    sent = [mail for mail in outbox if issue.issue_id.encode() in mail]
    assert len(sent) == 2
    assert made.mail in sent
    for mail in sent:
        assert without_reader(mail) == without_reader(made.mail)
    assert made.page == archive.store.get(f"{issue.path}/index.html")
    assert issue.changes


def without_reader(mail):
    """Return a mail's lines without those that are a reader's own."""
    own = re.compile(rb"^(To|Message-ID|List-Unsubscribe): |^Hello |unsubscribe/")
    lines = mail.replace(b"=\r\n", b"").split(b"\r\n")
    return [line for line in lines if not own.search(line)]


def test_a_draft_leaves_nothing_behind(letters, home):
    """Without an archive, a draft is made all the same, and no folder with it."""
    assert isinstance(make(letters), Draft)
    assert not home.exists()


def test_a_skipped_issue_and_a_failed_notebook_are_told_apart(letters):
    """A skip is a reason and no error; what fails raises as it does in the flow."""
    write(letters, "from flows import desk\ndesk.skip('nothing new')")
    assert make(letters) == Skipped("nothing new")
    write(letters, "1 / 0")
    with pytest.raises(NotebookError, match="division by zero"):
        make(letters)


def test_a_document_that_the_newsletter_does_not_listen_to_is_refused(letters):
    """The error names what there was instead."""
    letter = newsletters.load(letters / "example.ipynb")
    load = (SAMPLES / "load_DE_LU_forecast.xml").read_text(encoding="utf-8")
    with pytest.raises(DocumentError, match=r"listens to none of the documents: A65 A01 DE_LU"):
        draft.choose(letter, load)


# --- frames --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A draft, for tests that look at how it is shown."""
    folder = tmp_path_factory.mktemp("letters")
    write(folder, SHOWN)
    (folder / "sample.xml").write_text(EARLIER, encoding="utf-8")
    letter = newsletters.load(folder / "example.ipynb")
    options = settings.Settings(home=folder / "home")
    return draft.make(letter, draft.choose(letter, EARLIER), options)


def framed(fragment):
    """Return the frames of a fragment by their titles."""
    return {frame.get("title"): frame for frame in lxml_html.fromstring(fragment).iter("iframe")}


def test_frames_show_the_mail_s_own_html(made):
    """In each frame stands the mail's HTML: images in place, the colour scheme's question answered.

    Nothing else differs from what is in the message.
    """
    found = framed(frames.fragment(made))
    sent = email.message_from_bytes(made.mail, policy=email.policy.default)
    body = sent.get_body(("html",)).get_content().replace("\r\n", "\n")
    for width in (640, 360):
        for scheme, answer in (("light", "(max-width: 0px)"), ("dark", "(min-width: 0px)")):
            frame = found[f"Mail, {width} px, {scheme}"]
            shown = frame.get("srcdoc")
            assert frame.get("width") == str(width)
            assert answer in shown
            undone = shown.replace(answer, "(prefers-color-scheme: dark)")
            undone = undone.replace(f'content="{scheme}"', 'content="light dark"')
            for figure in made.issue.figures:
                undone = re.sub(
                    r'"data:image/png;base64,[^"]*"', f'"cid:{figure.cid}"', undone, count=1
                )
            assert undone == body
    assert with_cids(body, made.issue.figures) == body


def test_frames_run_nothing_and_reach_nothing(made):
    """Each frame is a sandbox without any right, and names no other host to load from."""
    found = framed(frames.fragment(made))
    assert {"Mail as text", "Page"} < found.keys()
    for frame in found.values():
        assert frame.get("sandbox") == ""
        page = lxml_html.fromstring(frame.get("srcdoc"))
        assert not page.xpath("//script | //iframe | //object")
        loaded = page.xpath("//img/@src | //source/@srcset | //link[@rel='stylesheet']/@href")
        assert all(address.startswith("data:image/png;base64,") for address in loaded)


def test_hostile_text_stays_text(made):
    """What a notebook or an error says can't leave its place in the fragment."""
    hostile = '"><script>alert(1)</script><iframe src="//elsewhere.example">'
    for shown in (Skipped(hostile), Fault(hostile, hostile, hostile)):
        root = lxml_html.fromstring(frames.fragment(shown, note=hostile))
        assert not root.xpath("//script | //iframe")
        assert hostile in root.text_content()


# --- the command ---------------------------------------------------------------------------------


def test_it_runs_again_for_each_save_and_no_other_time(letters, monkeypatch):
    """Saving notebook or document runs it once more; a file that is gone for a moment does not."""
    source = letters / "other.xml"
    source.write_text(EARLIER, encoding="utf-8")
    runs = []
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(
        draft, "make", lambda *_, **__: runs.append(1) or Skipped(f"run {len(runs)}")
    )
    said = []
    watching = watch.Watch(letters / "example.ipynb", source, settings.load(), said.append)
    thread = threading.Thread(target=watching.keep_running)
    thread.start()
    try:
        until(lambda: len(said) == 1, 10, "run 1")
        write(letters, "1 + 1")
        until(lambda: len(said) == 2, 10, "run 2")
        text = source.read_text(encoding="utf-8")
        source.unlink()
        time.sleep(0.2)
        assert len(said) == 2
        source.write_text(f"{text}\n", encoding="utf-8")
        until(lambda: len(said) == 3, 10, "run 3")
        (letters / "example.ipynb").write_text("{}", encoding="utf-8")
        until(lambda: len(said) == 4, 10, "run 4")
    finally:
        watching.end()
        thread.join()
    assert said[0].startswith("no issue: run 1")
    assert said[3].startswith("failed: example.ipynb")
    assert isinstance(watching.seen.made, Fault)
    assert len(runs) == 3


@pytest.fixture
def shown(letters):
    """The command on the newsletter, watching; its process and its address."""
    event = letters / "event.xml"
    event.write_text(EARLIER, encoding="utf-8")
    notebook = letters / "example.ipynb"
    command = [GRIDLETTER, "preview", notebook, "--document", event, "--watch"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "BROWSER": "true"},
    )
    try:
        yield process, re.search(r"http://[\d.:]+/", process.stdout.readline()).group()
    finally:
        process.kill()
        process.communicate()


def get(address, **headers):
    with urlopen(Request(address, headers=headers), timeout=20) as answer:  # noqa: S310 - loopback
        return answer.read().decode()


def test_the_command_shows_reloads_and_leaves_nothing_running(letters, home, shown):
    """Saved changes come to the open page, an error with cell and remedy; Ctrl-C ends all of it."""
    process, address = shown
    assert process.stdout.readline().startswith("Solar peaks")
    page = get(address)
    assert "Solar peaks" in page
    assert get(address + "mail.eml").startswith("From: ")
    own = re.search(r"archive/issues/[\w/-]+/", page).group()
    assert "Solar peaks" in get(f"{address}{own}index.html")
    assert get(f"{address}{own}document.xml").startswith("<?xml")
    with urlopen(f"{address}events", timeout=20) as events:  # noqa: S310 - loopback
        before = events.readline()
        write(letters, "1 + 1", "raise ValueError('<too calm>')")
        assert process.stdout.readline().startswith("failed: example, cell 4: raised ValueError")
        events.readline()
        assert events.readline() != before
    page = get(address)
    assert "&lt;too calm&gt;" in page
    assert "raise ValueError" in page
    for wrong in ("mail.eml", "archive/index.html", "archive/%2e%2e/secret"):
        with pytest.raises(HTTPError, match="404"):
            get(address + wrong)
    with pytest.raises(HTTPError, match="400"):
        get(address, Host="elsewhere.example")
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    until(lambda: not any(child.is_running() for child in children), 20, "their end")
    assert not home.exists()

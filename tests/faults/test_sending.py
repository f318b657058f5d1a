"""The flow's mails over a real SMTP server: everyone once, whatever breaks, operators told."""

from __future__ import annotations

import email
import email.policy
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.delivery.directory import open_directory
from flows.delivery.ledger import State, open_ledger
from flows.delivery.subscribers import Subscriber
from flows.embedded import prefect_api
from flows.outcome import PublishFailed
from notebooks import write
from smtp_sink import Fault, Sink

pytestmark = pytest.mark.usefixtures("prefect")

SAMPLES = Path(__file__).parents[2] / "notebooks" / "samples"
SAMPLE = (SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8")
HEADLINE = "from flows import desk\ndesk.headline('Solar peaks')"
KEY = "k" * 40


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    """Run Prefect's embedded API for this file alone: its neighbours run servers of their own."""
    with prefect_api(tmp_path_factory.mktemp("prefect"), always_embedded=True):
        yield


@pytest.fixture
def letters(tmp_path, monkeypatch):
    """A folder with one newsletter."""
    folder = tmp_path / "letters"
    folder.mkdir()
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder))
    write(folder, HEADLINE)
    return folder


@pytest.fixture
def ledger(home):
    """The ledger of the test's home, with three subscribers beside it."""
    address = f"sqlite:///{home / 'ledger.db'}"
    home.mkdir()
    open_directory(address).add(
        Subscriber(name, f"{name.lower()}@reader.example") for name in ("Ada", "Bo", "Cy")
    )
    return open_ledger(address)


def over(monkeypatch, sink, **settings):
    """Have mails go to `sink`."""
    monkeypatch.setenv("GRIDLETTER_SMTP_URL", f"smtp://127.0.0.1:{sink.port}?security=none")
    for name, value in settings.items():
        monkeypatch.setenv(f"GRIDLETTER_{name.upper()}", value)


def run(flow, *arguments):
    """Run the flow; return its outcomes, also where it ended as failed."""
    result = flow(*arguments, return_state=True).result(raise_on_failure=False)
    if isinstance(result, PublishFailed):
        return result.outcomes
    if isinstance(result, BaseException):
        raise result
    return result


def publish():
    from flows.publish import publish as flow

    return run(flow, SAMPLE)


def test_an_issue_goes_to_each_subscriber_once(letters, home, ledger, monkeypatch):
    """One mail a subscriber over SMTP, with the unsubscribe headers; a second event sends none."""
    with Sink() as sink:
        over(
            monkeypatch,
            sink,
            unsubscribe_url="https://news.example/unsubscribe/",
            unsubscribe_keys=KEY,
        )
        (outcome,) = publish()
        assert (outcome.state, outcome.mails, outcome.reason) == ("published", 3, None)
        (again,) = publish()
        assert (again.state, again.mails) == ("duplicate", 0)
    assert sink.recipients == [f"{name}@reader.example" for name in ("ada", "bo", "cy")]
    message = email.message_from_bytes(sink.mails[0].data, policy=email.policy.default)
    assert message["List-Unsubscribe"].startswith("<https://news.example/unsubscribe/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not (home / "outbox").exists()


def test_a_prefect_block_names_the_server(letters, ledger, monkeypatch):
    """The block that GRIDLETTER_EMAIL_BLOCK names is prefect-email's, and it is what sends."""
    from prefect_email import EmailServerCredentials

    with Sink() as sink:
        EmailServerCredentials(
            smtp_server="127.0.0.1", smtp_port=sink.port, smtp_type="INSECURE"
        ).save("test-mail", overwrite=True)
        monkeypatch.setenv("GRIDLETTER_EMAIL_BLOCK", "test-mail")
        (outcome,) = publish()
    assert outcome.mails == 3
    assert len(sink.mails) == 3


def test_a_server_that_is_away_fails_the_issue_and_a_later_run_sends(letters, ledger, monkeypatch):
    """The page is kept, the outcome says what to do, and `resume` sends to each exactly once."""
    from flows.resume import resume

    with Sink() as sink:
        over(monkeypatch, sink)
    (outcome,) = publish()
    assert outcome.state == "failed"
    assert "mail server" in outcome.reason
    with Sink() as sink:
        over(monkeypatch, sink)
        (resumed,) = run(resume)
        assert (resumed.state, resumed.mails) == ("published", 3)
        assert run(resume) == []
    assert len(sink.mails) == 3


def test_a_rejected_address_is_said_and_told(letters, ledger, monkeypatch):
    """A hard bounce is no failure of the issue; above the threshold the operators learn of it."""
    gone = Fault("RCPT", "550 5.1.1 no such user", address="bo@reader.example")
    with Sink([gone]) as sink:
        over(monkeypatch, sink, operators="ops@desk.example")
        (outcome,) = publish()
    assert (outcome.state, outcome.mails) == ("published", 2)
    assert "1 rejected" in outcome.reason
    assert ledger.suppressed("bo@reader.example") is not None
    (alert,) = [mail for mail in sink.mails if mail.recipients == ("ops@desk.example",)]
    message = email.message_from_bytes(alert.data, policy=email.policy.default)
    assert "1 rejected" in message.get_body(("plain",)).get_content()


def test_a_failing_notebook_reaches_the_operators(letters, home, ledger, monkeypatch):
    """They learn which cell, why and what to do; the notebook as it ran is kept and attached."""
    write(letters, "1 / 0", name="broken")
    with Sink() as sink:
        over(monkeypatch, sink, operators="ops@desk.example")
        outcomes = {outcome.newsletter: outcome for outcome in publish()}
    assert outcomes["broken"].state == "failed"
    assert outcomes["example"].mails == 3
    (alert,) = [mail for mail in sink.mails if mail.recipients == ("ops@desk.example",)]
    message = email.message_from_bytes(alert.data, policy=email.policy.default)
    assert "broken DE_LU" in message["Subject"]
    text = message.get_body(("plain",)).get_content()
    assert re.search(r"cell \d", text)
    assert "ZeroDivisionError" in text
    (kept,) = (home / "failed").glob("broken-*.ipynb")
    (attached,) = message.iter_attachments()
    assert attached.get_content() == kept.read_bytes()
    assert b"ZeroDivisionError" in kept.read_bytes()


def test_an_unknown_mail_is_held_until_an_operator_says_so(letters, ledger, monkeypatch):
    """A server that hangs up after the dot: that mail is held; only `--unknown resend` sends it."""
    from flows.resume import resume

    lost = Fault("dot", None, address="bo@reader.example")
    with Sink([lost]) as sink:
        over(monkeypatch, sink)
        (outcome,) = publish()
        assert "1 unknown" in outcome.reason
        assert run(resume) == []
        (resent,) = run(resume, "resend")
    assert resent.mails == 1
    assert ledger.counts(outcome.issue_id) == {State.ACCEPTED: 3}


def test_two_processes_with_one_event_send_once(letters, home, ledger, tmp_path, monkeypatch):
    """Two commands at the same time with the same event: each subscriber gets one mail."""
    event = tmp_path / "event.xml"
    event.write_text(SAMPLE, encoding="utf-8")
    with Sink() as sink:
        over(monkeypatch, sink)
        command = [Path(sys.executable).with_name("gridletter"), "publish", "--json", event]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
        for process in running:
            process.communicate(timeout=200)
    assert [process.returncode for process in running] == [0, 0]
    assert sink.recipients == [f"{name}@reader.example" for name in ("ada", "bo", "cy")]


def test_sigterm_ends_a_send_politely(letters, home, tmp_path, monkeypatch):
    """SIGTERM: what is in flight is finished, nothing is unknown, a later run ends it."""
    address = f"sqlite:///{home / 'ledger.db'}"
    home.mkdir()
    open_directory(address).add(
        Subscriber("", f"reader{number}@reader.example") for number in range(400)
    )
    event = tmp_path / "event.xml"
    event.write_text(SAMPLE, encoding="utf-8")
    gridletter = Path(sys.executable).with_name("gridletter")
    with Sink(delay_seconds=0.05) as sink:
        over(monkeypatch, sink)
        process = subprocess.Popen([gridletter, "publish", event], env=dict(os.environ))
        until = time.monotonic() + 150
        while len(sink.mails) < 40 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 130
        sent = len(sink.mails)
        assert 40 <= sent < 400
        ledger = open_ledger(address)
        (entry,) = ledger.unfinished()
        counts = ledger.counts(entry.issue_id)
        assert counts[State.UNKNOWN] == 0
        assert counts[State.ACCEPTED] == sent
        done = subprocess.run([gridletter, "resume"], check=False, timeout=200)
        assert done.returncode == 0
    assert len(sink.mails) == len(set(sink.recipients)) == 400

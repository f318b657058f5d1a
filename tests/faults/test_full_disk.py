"""A disk that is really full, a small tmpfs, under the ledger and under the outbox."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from functools import partial
from threading import Event

import pytest
from mail_sender import FAST

import mail_examples
from flows.delivery.ledger import State
from flows.delivery.ledger_sqlite import SqliteLedger
from flows.delivery.outbox import Outbox
from flows.delivery.send import deliver
from flows.delivery.smtp import Security, SmtpServer, dial
from flows.errors import StorageError
from smtp_sink import HOST, Sink

RECIPIENTS = 300


@pytest.fixture
def small_disk(disk_of):
    """A folder with room for eight megabytes: SQLite's log alone takes four between checkpoints."""
    with disk_of(8) as folder:
        yield folder


def write_for_ever(file, size):
    while True:
        file.write(b"\0" * size)


def fill(folder):
    """Leave no byte of room; return the file to remove for having room again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            with pytest.raises(OSError, match="No space left"):
                write_for_ever(file, size)
    return filler


def enrolled(folder):
    ledger = SqliteLedger(folder / "ledger.db")
    ledger.enroll(mail_examples.entry(), mail_examples.recipients(RECIPIENTS))
    return ledger


def sums_balance(ledger):
    counts = ledger.counts(mail_examples.ISSUE_ID)
    assert counts.total() == RECIPIENTS
    return counts


@pytest.mark.timeout(120)
def test_a_full_disk_under_the_ledger_sends_no_mail_without_its_row(small_disk, figures):
    """The send ends with a remedy; no mail goes out unrecorded; with room the rest is sent once."""
    prepared = mail_examples.prepared(link=None)
    ledger = enrolled(small_disk)
    with Sink(delay_seconds=0.001) as sink:
        connect = partial(
            dial, SmtpServer(HOST, sink.port, Security.NONE), timeout_seconds=FAST.command_seconds
        )
        send = partial(deliver, ledger, prepared, connect, holder="test", policy=FAST)
        filler = []

        def fill_midway(done, _total):
            if done >= RECIPIENTS // 4 and not filler:
                filler.append(fill(small_disk))

        with pytest.raises(StorageError, match="full") as caught:
            send(progress=fill_midway)
        assert caught.value.remedy
        before = len(sink.mails)
        assert before < RECIPIENTS
        filler[0].unlink()
        # What was begun and not recorded is held; its lease must run out first, so move the clock.
        later = SqliteLedger(small_disk / "ledger.db", clock=lambda: time.time() + 1e6)
        deliver(later, prepared, connect, holder="test", policy=replace(FAST, connections=2))
        counts = sums_balance(later)
        assert counts[State.ACCEPTED] + counts[State.UNKNOWN] == RECIPIENTS
        assert counts[State.UNKNOWN] <= FAST.connections
        assert len(sink.recipients) == len(set(sink.recipients)) >= counts[State.ACCEPTED]
    figures.update(recipients=RECIPIENTS, before_full=before, unknown=counts[State.UNKNOWN])


@pytest.mark.timeout(120)
def test_a_full_disk_under_the_outbox_leaves_no_half_mail(small_disk, tmp_path, figures):
    """Whole files or none; what was not written stays open, and is written once there is room."""
    prepared = mail_examples.prepared(link=None)
    ledger = enrolled(tmp_path)
    outbox = Outbox(small_disk / "outbox")
    room = 8 << 20
    size = len(prepared.mail_to(mail_examples.recipients(1)[0]))
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * (room - 100 * max(size, 4096)))
    with pytest.raises(StorageError, match="No space left") as caught:
        outbox.deliver(ledger, prepared, holder="test", stop=Event())
    assert caught.value.remedy
    written = sorted((small_disk / "outbox").iterdir())
    assert 0 < len(written) < RECIPIENTS
    assert all(path.suffix == ".eml" and path.stat().st_size > size * 0.9 for path in written)
    assert sums_balance(ledger)[State.ACCEPTED] == len(written)
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    assert outbox.deliver(ledger, prepared, holder="test", stop=Event()) == {
        State.ACCEPTED: RECIPIENTS
    }
    assert len(list((small_disk / "outbox").glob("*.eml"))) == RECIPIENTS
    figures.update(recipients=RECIPIENTS, before_full=len(written))


@pytest.mark.timeout(60)
def test_a_disk_too_small_to_enrol_on_enrols_nobody(small_disk):
    """All recipients or none: an enrolment without room leaves nothing that could be claimed."""
    ledger = SqliteLedger(small_disk / "ledger.db")
    with pytest.raises(StorageError, match="full"):
        ledger.enroll(mail_examples.entry(), mail_examples.recipients(400_000))
    assert ledger.entry(mail_examples.ISSUE_ID) is None
    assert ledger.claim(mail_examples.ISSUE_ID, "test", lease_seconds=1, limit=1) == []

"""A send: each recipient once, whatever the server does, and the ledger knows what became of it."""

import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import self_signed
from flows.delivery.ledger import Recipient, State
from flows.delivery.ledger_sqlite import SqliteLedger
from flows.delivery.policy import Policy
from flows.delivery.send import deliver
from flows.delivery.smtp import Security, SmtpServer, dial
from flows.errors import DeliveryError, MailServerUnavailable, StorageError
from mail_examples import ISSUE_ID, entry, prepared, recipients
from smtp_sink import HOST, Fault, Sink

FAST = Policy(
    connections=2,
    command_seconds=2,
    reply_seconds=2,
    lease_seconds=5,
    patience_seconds=1,
    first_retry_seconds=0.1,
    longest_retry_seconds=0.4,
    first_pause_seconds=0.01,
    longest_pause_seconds=0.05,
    idle_seconds=0.5,
)
READER = "reader0@mail.example"
DONE = (State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.SUPPRESSED)


class Watched(SqliteLedger):
    """A real ledger that counts how many rows were in `sending` at once, and fails on request."""

    most_sending = 0
    fail_at = None
    commit_seconds = 0.0

    def begin(self, claims, results=()):
        """Begin, unless it is time to fail."""
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                raise StorageError("no space left on device", remedy="Make room.", path="ledger")
        going = super().begin(claims, results)
        time.sleep(self.commit_seconds)
        sending = self.counts(ISSUE_ID)[State.SENDING]
        self.most_sending = max(self.most_sending, sending)
        return going


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    return Watched(tmp_path / "ledger.db")


def _enroll(ledger, count):
    ledger.enroll(entry(), recipients(count))


def _deliver(ledger, sink, policy=FAST, **options):
    server = SmtpServer(HOST, sink.port, Security.NONE)
    connect = partial(dial, server, timeout_seconds=2)
    return deliver(ledger, prepared(), connect, holder="test", policy=policy, **options)


def _addresses(count):
    return sorted(recipient.email for recipient in recipients(count))


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("connections", [1, 4])
def test_everybody_gets_the_mail_once(ledger, pipelining, connections):
    """Each recipient has one mail, byte for byte the composed one, and the ledger says accepted."""
    _enroll(ledger, 150)
    with Sink(pipelining=pipelining) as sink:
        counts = _deliver(ledger, sink, replace(FAST, connections=connections))
    assert counts == {State.ACCEPTED: 150}
    assert sink.recipients == _addresses(150)
    by_address = {mail.recipients[0]: mail for mail in sink.mails}
    for recipient in recipients(150):
        mail = by_address[recipient.email]
        assert mail.sender == "news@letters.example"
        assert mail.data == prepared().mail_to(recipient)
    assert sink.connections <= connections
    assert 1 <= ledger.most_sending <= connections


def test_a_second_send_has_nothing_to_do(ledger):
    """What is settled stays so: no mail, no connection even."""
    _enroll(ledger, 3)
    with Sink() as sink:
        _deliver(ledger, sink)
        assert _deliver(ledger, sink) == {State.ACCEPTED: 3}
        assert len(sink.mails) == 3
        assert sink.connections <= 2


def test_two_sends_at_once_share_the_work(ledger, tmp_path):
    """Two runs of one event, each with a ledger of its own on one file, send each mail once."""
    _enroll(ledger, 200)
    with Sink(delay_seconds=0.002) as sink:
        other = threading.Thread(target=_deliver, args=(SqliteLedger(tmp_path / "ledger.db"), sink))
        other.start()
        _deliver(ledger, sink)
        other.join()
    assert sink.recipients == _addresses(200)
    assert ledger.counts(ISSUE_ID) == {State.ACCEPTED: 200}


@pytest.mark.parametrize(
    ("faults", "outcome", "mails"),
    [
        # A later run, or this one after a wait, brings what is deferred.
        ([Fault("RCPT", "450 4.2.0 later", READER)], State.ACCEPTED, 5),
        ([Fault("dot", "454 4.7.0 throttled", READER)], State.ACCEPTED, 5),
        ([Fault("dot", "451 4.3.0 local error", READER)], State.ACCEPTED, 5),
        ([Fault("RCPT", "421 4.7.0 too much", READER)], State.ACCEPTED, 5),
        ([Fault("dot", "421 4.3.2 closing", READER)], State.ACCEPTED, 5),
        ([Fault("connect", "421 4.3.2 busy")], State.ACCEPTED, 5),
        ([Fault("MAIL", None)], State.ACCEPTED, 5),
        ([Fault("body", None, READER)], State.ACCEPTED, 5),
        ([Fault("RCPT", "550 5.1.1 no such user", READER)], State.REJECTED, 4),
        ([Fault("dot", "554 5.7.1 looks like spam", READER)], State.REJECTED, 4),
        ([Fault("RCPT", "450 4.2.0 never", READER, times=99)], State.REJECTED, 4),
        ([Fault("body", None, READER, times=99)], State.REJECTED, 4),
        # Who answers twice, or something else than was asked, must not accept the next mail so.
        ([Fault("dot", "250 2.0.0 ok\r\n250 2.0.0 ok", READER, taken=True)], State.ACCEPTED, 5),
        ([Fault("RCPT", "250 2.1.5 ok\r\n250 2.1.5 ok", times=2)], State.ACCEPTED, 5),
        ([Fault("DATA", "250 2.0.0 ok", READER)], State.ACCEPTED, 5),
        ([Fault("RCPT", "354 what", READER)], State.ACCEPTED, 5),
        # Nobody knows whether the server has it: held, and never sent again by itself.
        ([Fault("dot", None, READER, taken=True)], State.UNKNOWN, 5),
        ([Fault("dot", None, READER, taken=False)], State.UNKNOWN, 4),
        ([Fault("dot", "250 ok", READER, delay_seconds=9, taken=True)], State.UNKNOWN, 5),
        ([Fault("dot", "999 ok", READER, taken=True)], State.UNKNOWN, 5),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_fault_has_its_outcome(ledger, faults, outcome, mails, pipelining):
    """One recipient's trouble ends as the design says; the others have their mail once."""
    _enroll(ledger, 5)
    # As on a slow disk: a hang-up during the body is known before the dot. One that is not known by
    # then makes the mail unknown, and rightly so.
    ledger.commit_seconds = 0.05
    policy = replace(FAST, reply_seconds=0.5, most_attempts=4)
    faults = [replace(fault) for fault in faults]
    with Sink(faults, pipelining=pipelining) as sink:
        counts = _deliver(ledger, sink, policy)
    assert counts == Counter({State.ACCEPTED: 4}) + Counter({outcome: 1})
    received = Counter(sink.recipients)
    assert set(received.values()) == {1}
    assert received.total() == mails
    assert ledger.most_sending <= policy.connections
    identifiers = {mail.data.split(b"Message-ID: ")[1].split(b"\r\n")[0] for mail in sink.mails}
    assert len(identifiers) == mails


def _faults():
    """Anything that may happen at any step; what is answered with an error was not taken."""
    answers = st.sampled_from(
        [
            None,
            "421 4.3.2 closing",
            "450 4.2.0 later",
            "550 5.7.1 no",
            "550 5.7.1 no\r\n250 2.0.0 ok",
            "hello",
            "354 what",
        ]
    )
    address = st.sampled_from([None, *_addresses(12)])
    anywhere = st.builds(
        Fault,
        at=st.sampled_from(["connect", "EHLO", "RCPT", "DATA", "body", "dot"]),
        reply=answers,
        address=address,
        times=st.integers(1, 3),
    )
    silent = st.builds(
        Fault,
        at=st.just("dot"),
        reply=st.none(),
        address=address,
        taken=st.booleans(),
        times=st.integers(1, 3),
    )
    return st.lists(anywhere | silent, max_size=8)


@settings(max_examples=12, deadline=None)
@given(faults=_faults(), pipelining=st.booleans())
def test_no_fault_loses_or_doubles_a_mail(faults, pipelining):
    """Whatever goes wrong, in whatever order: run until all is settled, and the sums balance."""
    with TemporaryDirectory() as folder, Sink(faults, pipelining=pipelining) as sink:
        ledger = Watched(Path(folder) / "ledger.db")
        _enroll(ledger, 12)
        policy = replace(FAST, connections=3, most_attempts=5)
        for _ in range(10):
            with suppress(DeliveryError, MailServerUnavailable):
                _deliver(ledger, sink, policy)
            counts = ledger.counts(ISSUE_ID)
            if sum(counts[state] for state in DONE) == 12:
                break
    received = Counter(sink.recipients)
    assert sum(counts[state] for state in DONE) == counts.total() == 12
    assert all(times == 1 for times in received.values())
    assert counts[State.ACCEPTED] <= len(received)
    assert len(received) <= counts[State.ACCEPTED] + counts[State.UNKNOWN]
    assert ledger.most_sending <= policy.connections


def test_the_message_id_is_stable_over_a_retry(ledger):
    """Where a server took a mail and said it did not, both copies have one Message-ID to go by."""
    _enroll(ledger, 1)
    with Sink([Fault("dot", "451 4.3.0 said too early", taken=True)]) as sink:
        assert _deliver(ledger, sink) == {State.ACCEPTED: 1}
    first, second = sink.mails
    assert first.data == second.data


@pytest.mark.parametrize(
    ("reply", "suppressed"),
    [("550 5.1.1 no such user", True), ("550 5.7.1 blocked", False), ("552 5.2.2 full", False)],
)
def test_a_hard_bounce_is_the_last_mail_to_an_address(ledger, reply, suppressed):
    """A dead address gets nothing any more; a block or a full mailbox concerns this mail only."""
    _enroll(ledger, 1)
    with Sink([Fault("RCPT", reply)]) as sink:
        assert _deliver(ledger, sink) == {State.REJECTED: 1}
    reason = ledger.suppressed(READER)
    assert (reason is not None) is suppressed
    if suppressed:
        assert reply in reason


def test_who_unsubscribes_in_the_middle_gets_nothing(ledger):
    """A suppression counts up to the last moment, also for a mail whose text is on its way."""
    _enroll(ledger, 60)

    class Leaving(Watched):
        def begin(self, claims, results=()):
            if any(claim.recipient.email == "reader30@mail.example" for claim in claims):
                self.suppress("reader30@mail.example", "unsubscribed")
            return super().begin(claims, results)

    ledger.__class__ = Leaving
    with Sink() as sink:
        counts = _deliver(ledger, sink)
    assert counts == {State.ACCEPTED: 59, State.SUPPRESSED: 1}
    assert sink.recipients == sorted(set(_addresses(60)) - {"reader30@mail.example"})


def test_an_address_that_takes_no_mail_is_rejected_alone(ledger):
    """What is no address is rejected with the reason, and nothing of it reaches the server."""
    bad = Recipient("x@mail.example> size=1", "X")
    ledger.enroll(entry(), [*recipients(2), bad])
    with Sink() as sink:
        counts = _deliver(ledger, sink)
    assert counts == {State.ACCEPTED: 2, State.REJECTED: 1}
    assert not any("size=1" in command for command in sink.commands)


def test_a_later_run_brings_what_is_deferred_for_long(ledger):
    """A send does not sit through a long wait: it returns, and a later one goes on."""
    _enroll(ledger, 3)
    impatient = replace(
        FAST, patience_seconds=0.1, first_retry_seconds=0.6, longest_retry_seconds=1
    )
    with Sink([Fault("RCPT", "450 4.2.0 later", READER)]) as sink:
        assert _deliver(ledger, sink, impatient) == {State.ACCEPTED: 2, State.DEFERRED: 1}
        assert _deliver(ledger, sink, FAST) == {State.ACCEPTED: 3}
    assert sink.recipients == _addresses(3)


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_stop_finishes_what_is_under_way(ledger, pipelining):
    """After the signal no new mail begins, what began ends, and the rest is free for others."""
    _enroll(ledger, 300)
    stop = threading.Event()
    with Sink(delay_seconds=0.01, pipelining=pipelining) as sink:
        threading.Timer(0.3, stop.set).start()
        counts = _deliver(ledger, sink, stop=stop)
        assert 0 < counts[State.ACCEPTED] < 300
        assert counts[State.PENDING] == 300 - counts[State.ACCEPTED]
        assert len(sink.mails) == counts[State.ACCEPTED]
        assert _deliver(ledger, sink) == {State.ACCEPTED: 300}
    assert sink.recipients == _addresses(300)


def test_refused_login_sends_nothing(ledger):
    """An error for good is raised at once, and every row is free for the run after the repair."""
    _enroll(ledger, 5)
    with Sink(password="right") as sink:  # noqa: S106 - the sink's
        server = SmtpServer(HOST, sink.port, Security.NONE, "u", "wrong")
        with pytest.raises(DeliveryError, match="refuses the login"):
            deliver(
                ledger,
                prepared(),
                partial(dial, server, timeout_seconds=2),
                holder="test",
                policy=FAST,
            )
    assert sink.mails == []
    assert ledger.counts(ISSUE_ID) == {State.PENDING: 5}


def test_refused_tls_sends_nothing(ledger, tmp_path):
    """Without the TLS that was asked for no recipient's address leaves this machine."""
    _enroll(ledger, 5)
    _, tls = self_signed(tmp_path)
    with Sink([Fault("STARTTLS", "502 5.5.1 no", times=9)], tls=tls) as sink:
        server = SmtpServer(HOST, sink.port, Security.STARTTLS)
        with pytest.raises(DeliveryError):
            deliver(
                ledger,
                prepared(),
                partial(dial, server, timeout_seconds=2),
                holder="test",
                policy=FAST,
            )
    assert not any("reader" in command for command in sink.commands)
    assert ledger.counts(ISSUE_ID) == {State.PENDING: 5}


def test_a_refused_sender_blames_no_recipient(ledger):
    """553 to our own address is our setting's fault: nobody is rejected for it."""
    _enroll(ledger, 5)
    with (
        Sink([Fault("MAIL", "553 5.7.1 not yours", times=9)]) as sink,
        pytest.raises(DeliveryError, match="refuses mail from"),
    ):
        _deliver(ledger, sink)
    assert ledger.counts(ISSUE_ID) == {State.PENDING: 5}


def test_no_server_is_said_after_some_tries(ledger):
    """A server that is away is tried a few times, then the rows are free for a later run."""
    _enroll(ledger, 5)
    with Sink() as sink:
        pass
    with pytest.raises(MailServerUnavailable):
        _deliver(ledger, sink)
    assert ledger.counts(ISSUE_ID) == {State.PENDING: 5}


def test_too_many_connections_are_given_up(ledger):
    """Connections that a server refuses are done without, and the one that works is not paused."""
    _enroll(ledger, 40)
    numbers = count()
    with Sink(delay_seconds=0.005) as sink:
        server = SmtpServer(HOST, sink.port, Security.NONE)

        def connect():
            if next(numbers) > 0:
                while not sink.mails:
                    time.sleep(0.01)
                sink.behaviour.faults.append(Fault("EHLO", "421 4.7.0 too many connections"))
            return dial(server, timeout_seconds=2)

        policy = replace(FAST, connections=4, first_pause_seconds=30, longest_pause_seconds=30)
        started = time.monotonic()
        counts = deliver(ledger, prepared(), connect, holder="test", policy=policy)
        assert time.monotonic() - started < 15
    assert counts == {State.ACCEPTED: 40}
    assert sink.recipients == _addresses(40)


def test_a_send_ends_when_all_is_settled(ledger):
    """However patient, it does not wait for leases of its own that have nothing left to guard."""
    _enroll(ledger, 3)
    started = time.monotonic()
    with Sink() as sink:
        _deliver(ledger, sink, replace(FAST, patience_seconds=60, lease_seconds=30))
    assert time.monotonic() - started < 10


def test_a_server_that_fails_most_mails_is_left_alone(ledger):
    """When half fail, and pauses do not help, the send ends: a list is not burnt on a block."""
    _enroll(ledger, 200)
    faults = [Fault("dot", "554 5.7.1 your network is blocked", times=999)]
    with Sink(faults) as sink, pytest.raises(MailServerUnavailable, match="most mails fail"):
        _deliver(ledger, sink)
    counts = ledger.counts(ISSUE_ID)
    assert counts[State.REJECTED] <= 60
    assert counts[State.PENDING] == 200 - counts[State.REJECTED]


@pytest.mark.parametrize("after", [0, 7])
def test_a_ledger_that_fails_lets_no_mail_go(ledger, after):
    """Without the commit there is no dot: a full disk stops the send, and nothing is sent twice."""
    _enroll(ledger, 30)
    ledger.fail_at = after
    with Sink() as sink:
        with pytest.raises(StorageError):
            _deliver(ledger, sink)
        assert len(sink.mails) == after
        ledger.fail_at = None
        assert _deliver(ledger, sink) == {State.ACCEPTED: 30}
    assert sink.recipients == _addresses(30)


def test_the_rate_is_kept(ledger):
    """With a limit of 50 a second, 26 mails over four connections take half a second or more."""
    _enroll(ledger, 26)
    with Sink() as sink:
        started = time.monotonic()
        _deliver(ledger, sink, replace(FAST, connections=4, mails_per_second=50))
        took = time.monotonic() - started
    assert took >= 0.5
    assert sink.connections <= 4
    assert len(sink.mails) == 26


def test_a_throttled_send_slows_down(ledger):
    """After 454 no connection sends for as long as the policy says."""
    _enroll(ledger, 30)
    throttled = Fault("dot", "454 4.7.0 too many mails a second", READER)
    started = time.monotonic()
    with Sink([throttled]) as sink:
        _deliver(ledger, sink, replace(FAST, first_pause_seconds=0.5, longest_pause_seconds=0.5))
    assert time.monotonic() - started >= 0.5
    assert sink.recipients == _addresses(30)


def test_claims_that_wait_too_long_are_taken_anew(ledger):
    """Under a rate limit rows are not held until their lease ends: no mail is refused for that."""
    _enroll(ledger, 25)
    slow = replace(FAST, connections=1, mails_per_second=12, lease_seconds=1.5)
    with Sink() as sink:
        assert _deliver(ledger, sink, slow) == {State.ACCEPTED: 25}
    assert sink.connections == 1


def test_a_lost_mail_does_not_wait_for_another_reply(ledger):
    """A mail whose connection was lost goes again at once, while a slow reply is still awaited."""
    _enroll(ledger, 2)
    faults = [
        Fault("body", None, READER),
        Fault("dot", "250 ok", "reader1@mail.example", delay_seconds=1.5, taken=True),
    ]
    settled_at = []
    started = time.monotonic()

    def progress(done, _total):
        if done:
            settled_at.append(time.monotonic() - started)

    with Sink(faults) as sink:
        assert _deliver(ledger, sink, progress=progress) == {State.ACCEPTED: 2}
    assert settled_at[0] < 1


def test_progress_is_told(ledger):
    """Who watches hears how many of how many are settled, never backwards, and the end."""
    _enroll(ledger, 100)
    heard = []
    with Sink([Fault("RCPT", "550 5.1.1 no", READER)], delay_seconds=0.005) as sink:
        _deliver(ledger, sink, progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (100, 100)
    assert heard == sorted(heard)
    assert len(set(heard)) > 2


def test_a_lease_that_ran_out_sends_nothing(ledger):
    """A holder that slept over its lease is refused before the dot: somebody else has the row."""
    _enroll(ledger, 4)
    slow = replace(FAST, connections=1, lease_seconds=0.2, patience_seconds=2)
    with Sink([Fault("RCPT", "250 2.1.5 ok", READER, delay_seconds=0.6)]) as sink:
        counts = _deliver(ledger, sink, slow)
    assert sum(counts[state] for state in DONE) == 4
    assert set(Counter(sink.recipients).values()) == {1}

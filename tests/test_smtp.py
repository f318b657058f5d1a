"""The mail server: its address, a connection that is as safe as was asked for, one mail over it."""

import smtplib
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from prefect_email import EmailServerCredentials

from certificates import self_signed
from flows.delivery.policy import Policy
from flows.delivery.reader import ConnectionLost
from flows.delivery.replies import Reply
from flows.delivery.session import Session
from flows.delivery.smtp import Security, SmtpServer, dial, parse_smtp_url
from flows.errors import DeliveryError, MailServerUnavailable, SettingsError
from smtp_sink import HOST, Fault, Sink

SECRET = "correct horse"  # noqa: S105 - of the sink
SHORT = Policy(command_seconds=0.4, reply_seconds=0.4)
MAIL = b"Subject: x\r\n\r\nbody\r\n"


def _server(sink, security=Security.NONE, **login):
    return SmtpServer(HOST, sink.port, security, **login)


def _dial(sink, security=Security.NONE, **login):
    return dial(_server(sink, security, **login), timeout_seconds=0.5)


@contextmanager
def _session(sink, policy=SHORT):
    with Session(_dial(sink), "news@letters.example", policy) as session:
        yield session


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """A server's TLS context, whose certificate this process trusts."""
    file, context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return context


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mx.example", SmtpServer("mx.example", 587, Security.STARTTLS)),
        ("smtp://mx.example?security=ssl", SmtpServer("mx.example", 465, Security.SSL)),
        ("smtp://mx.example/?security=none", SmtpServer("mx.example", 25, Security.NONE)),
        (
            "smtp://a%40b:p%3A%2F%20w@mx.example:2525?security=starttls",
            SmtpServer("mx.example", 2525, Security.STARTTLS, "a@b", "p:/ w"),
        ),
        ("smtp://[::1]:25?security=none", SmtpServer("::1", 25, Security.NONE)),
        (
            "smtp://u:p@localhost?security=none",
            SmtpServer("localhost", 25, Security.NONE, "u", "p"),
        ),
    ],
)
def test_an_address_is_read(url, server):
    """Host, port, security, user and password are taken; what is left out has its usual value."""
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mx.example:587",
        "smtps://u:hunter2@mx.example",
        "smtp://:hunter2@mx.example",
        "smtp://u@mx.example",
        "smtp://u:hunter2@",
        "smtp://u:hunter2@mx.example:port",
        "smtp://u:hunter2@mx.example:99999",
        "smtp://u:hunter2@mx.example?security=tls",
        "smtp://u:hunter2@mx.example?security=",
        "smtp://u:hunter2@mx.example?verify=no",
        "smtp://u:hunter2@mx.example?security",
        "smtp://u:hunter2@mx.example/inbox",
        "smtp://u:hunter2@mx.example?security=none",
        "smtp://u:hunter2%C3%A9@mx.example",
        "smtp://u:hunter2%0D%0A@mx.example",
    ],
)
def test_an_address_of_another_form_is_refused_without_its_password(url):
    """The error names the setting and the form, never what may hold a password."""
    with pytest.raises(SettingsError, match="GRIDLETTER_SMTP_URL") as caught:
        parse_smtp_url(url)
    assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.data}"


def test_a_server_does_not_show_its_password():
    """Neither log lines nor tracebacks that print the server hold the password."""
    assert "hunter2" not in repr(parse_smtp_url("smtp://u:hunter2@mx.example"))


@pytest.mark.parametrize(
    ("fields", "server"),
    [
        ({"smtp_server": "gmail"}, SmtpServer("smtp.gmail.com", 465, Security.SSL)),
        (
            {
                "smtp_server": "mx.example",
                "smtp_type": "STARTTLS",
                "smtp_port": 2525,
                "username": "u",
                "password": "p",
                "verify": False,
            },
            SmtpServer("mx.example", 2525, Security.STARTTLS, "u", "p", verify=False),
        ),
        (
            {"smtp_server": "mx.example", "smtp_type": "INSECURE"},
            SmtpServer("mx.example", 25, Security.NONE),
        ),
    ],
)
def test_a_prefect_block_is_read(fields, server):
    """Every field of prefect-email's EmailServerCredentials has its meaning here."""
    assert SmtpServer.of(EmailServerCredentials(**fields)) == server


def test_a_password_never_crosses_the_network_in_plain_text():
    """A block that would send it so is refused before anything connects."""
    block = EmailServerCredentials(
        username="u", password=SECRET, smtp_server="mx.example", smtp_type="INSECURE"
    )
    with pytest.raises(SettingsError, match="plain text"):
        SmtpServer.of(block)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SSL])
def test_a_secured_connection_carries_login_and_mail(tls, security):
    """With a certificate that is trusted, login and mail go over TLS, and only over TLS."""
    with Sink(tls=tls, tls_at_once=security is Security.SSL, password=SECRET) as sink:
        smtp = _dial(sink, security, user="u", password=SECRET)
        with Session(smtp, "news@letters.example", SHORT) as session:
            session.offer("a@mail.example", len(MAIL))
            assert session.wait_for_go() is None
            session.send(MAIL)
            assert session.finish() == Reply(250, "2.0.0 taken")
            session.quit()
    (mail,) = sink.mails
    assert (mail.encrypted, mail.user, mail.data) == (True, "u", MAIL)


@pytest.mark.parametrize(
    ("faults", "offers_tls", "error"),
    [
        ([], False, DeliveryError),
        ([Fault("STARTTLS", "501 5.5.4 no")], True, DeliveryError),
        ([Fault("STARTTLS", "454 4.7.0 TLS not available")], True, MailServerUnavailable),
        ([Fault("STARTTLS", None)], True, MailServerUnavailable),
        ([Fault("STARTTLS", "250 ok, in plain text then")], True, DeliveryError),
    ],
)
def test_refused_tls_never_becomes_plain_text(tls, faults, offers_tls, error):
    """Where STARTTLS was asked for and is refused, no login and no mail follows."""
    with Sink(faults, tls=tls if offers_tls else None, password=SECRET) as sink:
        with pytest.raises(error):
            _dial(sink, Security.STARTTLS, user="u", password=SECRET)
        verbs = {command.split()[0].upper() for command in sink.commands}
    assert verbs <= {"EHLO", "STARTTLS", "QUIT"}


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SSL])
def test_a_certificate_of_nobody_is_refused(tmp_path, security):
    """A certificate that no authority of this machine signed ends the send for good."""
    _, tls = self_signed(tmp_path)
    with (
        Sink(tls=tls, tls_at_once=security is Security.SSL) as sink,
        pytest.raises(DeliveryError, match="can't be trusted"),
    ):
        _dial(sink, security)


def test_a_certificate_of_another_host_is_refused(tmp_path, monkeypatch):
    """A trusted certificate counts for its own address only."""
    file, tls = self_signed(tmp_path, address="192.0.2.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with Sink(tls=tls) as sink, pytest.raises(DeliveryError, match="can't be trusted"):
        _dial(sink, Security.STARTTLS)


def test_tls_on_a_port_without_it_is_a_setting_to_mend():
    """Implicit TLS against a server that speaks first in plain text ends for good."""
    with Sink() as sink, pytest.raises((DeliveryError, MailServerUnavailable)):
        _dial(sink, Security.SSL)


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ([], DeliveryError),
        (
            [Fault("AUTH", "454 4.7.0 temporary authentication failure", times=9)],
            MailServerUnavailable,
        ),
        ([Fault("AUTH", None, times=9)], MailServerUnavailable),
    ],
)
def test_a_refused_login_is_told_from_one_to_try_again(faults, error):
    """535 is for good, 454 and a lost connection are not; the password is in neither error."""
    password = SECRET if faults else "wrong"
    with Sink(faults, password=SECRET) as sink, pytest.raises(error) as caught:
        _dial(sink, user="u", password=password)
    assert password not in str(caught.value)


def test_a_login_that_is_not_offered_is_said():
    """A server without AUTH gets no mail from who was told to log in."""
    with Sink() as sink, pytest.raises(DeliveryError, match="does not offer"):
        _dial(sink, user="u", password=SECRET)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("connect", "421 4.3.2 too many connections"), MailServerUnavailable),
        (Fault("connect", "554 5.7.1 not you"), DeliveryError),
        (Fault("connect", None), MailServerUnavailable),
        (Fault("connect", "220 late", delay_seconds=5), MailServerUnavailable),
        (Fault("EHLO", "421 4.3.2 closing"), MailServerUnavailable),
    ],
)
def test_a_greeting_says_whether_to_come_back(fault, error):
    """421, silence and a closed connection may pass; 554 does not."""
    with Sink([fault]) as sink, pytest.raises(error):
        _dial(sink)


def test_no_server_at_all_may_come_back():
    """A refused connection and an unknown host are the world's failure, not the setting's."""
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
        with pytest.raises(MailServerUnavailable, match="does not answer"):
            dial(SmtpServer(HOST, port, Security.NONE), timeout_seconds=0.5)


def test_a_server_that_never_greets_does_not_hold_the_flow():
    """Every wait has an end, also where the server takes the connection and says nothing."""
    with socket.create_server((HOST, 0)) as silent:
        server = SmtpServer(HOST, silent.getsockname()[1], Security.STARTTLS)
        started = time.monotonic()
        with pytest.raises(MailServerUnavailable):
            dial(server, timeout_seconds=0.3)
        assert time.monotonic() - started < 5


def _send(session, address, mail=MAIL):
    session.offer(address, len(mail))
    refusal = session.wait_for_go()
    if refusal is not None:
        return refusal
    session.send(mail)
    return session.finish()


@pytest.mark.parametrize("pipelining", [True, False])
def test_one_connection_carries_many_mails(pipelining):
    """Mails follow one another over one connection, refused ones too, pipelined or not."""
    faults = [
        Fault("RCPT", "550 5.1.1 no such user", address="b@mail.example"),
        Fault("RCPT", "450 4.2.0 later", address="c@mail.example"),
        Fault("DATA", "451 4.3.0 not now", address="d@mail.example"),
        Fault("dot", "552 5.3.4 too big", address="e@mail.example"),
    ]
    with Sink(faults, pipelining=pipelining) as sink, _session(sink) as session:
        assert session.pipelining is pipelining
        codes = [_send(session, f"{name}@mail.example").code for name in "abcdef"]
        session.quit()
    assert codes == [250, 550, 450, 451, 552, 250]
    assert sink.recipients == ["a@mail.example", "f@mail.example"]
    assert sink.connections == 1


def test_a_mail_to_nobody_is_ended_where_the_server_wants_one():
    """A server that says 354 though it refused the recipient gets an empty mail, and no other."""
    faults = [
        Fault("RCPT", "550 5.1.1 no such user"),
        Fault("DATA without recipients", "354 go ahead"),
    ]
    with Sink(faults) as sink, _session(sink) as session:
        assert _send(session, "a@mail.example").code == 550
        assert _send(session, "b@mail.example").code == 250
    assert [mail.recipients for mail in sink.mails] == [("b@mail.example",)]


def test_the_next_offer_travels_with_the_dot():
    """With PIPELINING the commands of the next mail are on their way before the reply to this."""
    with Sink() as sink, _session(sink) as session:
        session.offer("a@mail.example", len(MAIL))
        assert session.wait_for_go() is None
        session.send(MAIL)
        session.offer("b@mail.example", len(MAIL))
        assert session.finish().code == 250
        _until(lambda: sink.commands[-1] == "DATA" and len(sink.commands) == 7)
        assert session.wait_for_go() is None
        session.send(MAIL)
        assert session.finish().code == 250
    assert sink.recipients == ["a@mail.example", "b@mail.example"]


def test_a_small_write_is_not_held_back():
    """The dot goes at once: Nagle's algorithm would let it wait for the acknowledgement before."""
    with Sink() as sink, _session(sink) as session:
        assert session._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_no_dot_goes_before_it_is_wanted():
    """A mail that was sent up to its last line is not taken until `finish`."""
    with Sink() as sink, _session(sink) as session:
        session.offer("a@mail.example", len(MAIL))
        assert session.wait_for_go() is None
        session.send(MAIL)
        time.sleep(0.05)
        assert sink.mails == []
    time.sleep(0.05)
    assert sink.mails == []


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", [None, "421 4.3.2 closing", "hello", "250 late"])
def test_a_connection_lost_before_the_mail_is_told(at, reply):
    """Hanging up, 421, what is no reply, and silence all mean that nothing was sent."""
    fault = Fault(at, reply, delay_seconds=5 if reply == "250 late" else 0)
    with Sink([fault]) as sink, _session(sink) as session:
        session.offer("a@mail.example", len(MAIL))
        with pytest.raises(ConnectionLost):
            session.wait_for_go()
    assert sink.mails == []


def test_a_connection_lost_during_the_mail_is_told():
    """A server that hangs up in the middle of a mail did not take it, and that is known."""
    mail = MAIL + b"x" * 60_000 + b"\r\n"
    with Sink([Fault("body", None)]) as sink, _session(sink) as session:
        session.offer("a@mail.example", len(mail))
        assert session.wait_for_go() is None
        with pytest.raises(ConnectionLost):
            _send_slowly(session, mail)
    assert sink.mails == []


def _send_slowly(session, mail):
    session.send(mail)
    time.sleep(0.1)
    session.finish()


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("reply", [None, "250 late", "354 what", "hello"])
def test_after_the_dot_nobody_knows(taken, reply):
    """Silence, nonsense or a lost connection after the dot is neither yes nor no."""
    delay = 5 if reply == "250 late" else 0
    fault = Fault("dot", reply, taken=taken, delay_seconds=delay)
    with Sink([fault]) as sink, _session(sink) as session:
        said = _send(session, "a@mail.example")
    assert said is None or not (said.is_good or said.is_transient or said.is_permanent)
    assert len(sink.mails) == taken


def test_a_refused_sender_ends_the_send():
    """What is refused at MAIL would be refused for each mail: no recipient is blamed for it."""
    with (
        Sink([Fault("MAIL", "553 5.7.1 not your address")]) as sink,
        _session(sink) as session,
        pytest.raises(DeliveryError, match="refuses mail from"),
    ):
        _send(session, "a@mail.example")


@pytest.mark.parametrize(
    ("reply", "hard"),
    [
        ("550 5.1.1 user unknown", True),
        ("550 5.1.10 null MX", True),
        ("553 5.1.3 bad address syntax", True),
        ("550 5.2.1 mailbox disabled", True),
        ("550 No such user here", True),
        ("550 <a@mail.example>: Recipient address rejected: User unknown in table", True),
        ("551 user not local; mailbox does not exist", True),
        ("550 5.7.1 blocked: spam, user unknown to us", False),
        ("550 mail from your network is not wanted", False),
        ("552 5.2.2 mailbox full", False),
        ("554 transaction failed, no such user", False),
        ("450 4.1.1 user unknown for now", False),
        ("250 2.1.5 ok", False),
    ],
)
def test_hard_bounces_are_told_from_policy(reply, hard):
    """Only an address that takes no mail is given up; blocks, full boxes and 4xx are not."""
    code, _, text = reply.partition(" ")
    assert Reply.read(int(code), text.encode()).is_hard_bounce is hard


def test_a_reply_is_one_line():
    """What a server says can't forge a line in a log."""
    reply = Reply.read(550, b"5.1.1 no\r\n\x1b[31muser \xff" + b"x" * 1000)
    assert str(reply).isprintable()
    assert len(str(reply)) < 350


def test_an_independent_server_takes_the_mails():
    """A server by other hands (aiosmtpd, without PIPELINING) takes what this side sends."""
    from aiosmtpd.controller import Controller

    taken = []

    class Handler:
        async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
            taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
            return "250 2.0.0 taken"

    controller = Controller(Handler(), hostname=HOST, port=_free_port())
    controller.start()
    try:
        smtp = smtplib.SMTP(HOST, controller.port, timeout=5)
        smtp.ehlo()
        with Session(smtp, "news@letters.example", SHORT) as session:
            assert [_send(session, f"{name}@mail.example").code for name in "ab"] == [250, 250]
            session.quit()
    finally:
        controller.stop()
    assert taken == [
        ("news@letters.example", ["a@mail.example"], MAIL),
        ("news@letters.example", ["b@mail.example"], MAIL),
    ]


def _free_port():
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        return unused.getsockname()[1]


def _until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)

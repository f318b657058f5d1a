"""Mails: by the standards, byte by byte, with all that readers share encoded once."""

import email
import re
import smtplib
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.delivery import encode
from flows.delivery.compose import GREETING_SLOT, UNSUBSCRIBE_SLOT
from flows.delivery.ledger import Recipient
from flows.errors import SettingsError, SubscriberError
from mail_examples import CHARTS, HTML, ISSUE_ID, PUBLISHED, SENDER, TEXT, issue, link, prepared

ADA = Recipient("ada@mail.example", "Ada Lovelace")
CONTROLS = st.characters(categories=("Cc", "Cf", "Zl", "Zp"))
LINES = st.lists(
    st.text(
        st.one_of(st.sampled_from(".=- \t<>é–\u2028"), st.characters(exclude_categories=["Cs"]))
    )
)


def _read(data):
    return email.message_from_bytes(data, policy=default)


def _parts(message):
    return {part.get_content_type(): part for part in message.walk()}


def _lines(text):
    """Return text as a mail carries it: whole lines, each line break one newline."""
    text = re.sub(r"\r\n|\r", "\n", text)
    return text if text.endswith("\n") or not text else f"{text}\n"


def _html(data):
    return _lines(_parts(_read(data))["text/html"].get_content())


def _naive(prepared_mail, recipient):
    """Build the same mail with the standard library alone."""
    url = link(recipient.email)
    message = EmailMessage(policy=SMTP)
    message["From"] = SENDER
    message["To"] = f"{recipient.name} <{recipient.email}>"
    message["Subject"] = issue().subject
    message["Date"] = PUBLISHED
    message["Message-ID"] = f"<{prepared_mail.message_id(recipient)}>"
    message["List-Id"] = '"Wind & solar forecast" <wind-solar.letters.example>'
    message["List-Unsubscribe"] = f"<{url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"Hello {recipient.name},\n\n{TEXT}\nUnsubscribe:\n{url}\n")
    html = HTML.replace(GREETING_SLOT, f"\nHello {recipient.name},\n").replace(
        UNSUBSCRIBE_SLOT, f'\n<a href="{url}">Unsubscribe</a>\n'
    )
    message.add_alternative(html, subtype="html")
    for name, png in CHARTS.items():
        message.get_payload()[1].add_related(
            png, "image", "png", cid=f"<{name}@gridletter>", filename=name, disposition="inline"
        )
    return message


def test_a_mail_is_what_the_standard_library_would_build():
    """Put together from pieces, it has the headers, parts and contents of one built in one go."""
    mail = prepared()
    ours, theirs = _read(mail.mail_to(ADA)), _read(bytes(_naive(mail, ADA)))
    own = {"content-type", "content-transfer-encoding"}
    assert {k: str(v) for k, v in ours.items() if k.lower() not in own} == {
        k: str(v) for k, v in theirs.items() if k.lower() not in own
    }
    for our, their in zip(ours.walk(), theirs.walk(), strict=True):
        assert our.get_content_type() == their.get_content_type()
        assert not our.defects
        if not our.is_multipart():
            assert our.get_content() == their.get_content()
            assert our["Content-ID"] == their["Content-ID"]
            assert our.get_filename() == their.get_filename()


def test_every_byte_of_the_headers_is_known():
    """The wire carries exactly these header lines; List-Unsubscribe is one line, however long."""
    head, _, _ = prepared().mail_to(ADA).partition(b"\r\n\r\n")
    url = link(ADA.email)
    assert len(url) > 300
    assert head.decode("ascii").split("\r\n") == [
        'From: "Gridletter" <news@letters.example>',
        "Subject: =?utf-8?q?Solar_peaks_at_41_GW_=E2=80=93_tomorrow_=C2=B7_Germany?=",
        " =?utf-8?q?=E2=80=93Luxembourg?=",
        "Date: Sat, 25 Oct 2025 17:05:00 +0000",
        'List-Id: "Wind & solar forecast" <wind-solar.letters.example>',
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'To: "Ada Lovelace" <ada@mail.example>',
        f"Message-ID: <{ISSUE_ID}.cb2d3480dcca3482@letters.example>",
        f"List-Unsubscribe: <{url}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        f'Content-Type: multipart/alternative; boundary="=_{ISSUE_ID}"',
    ]


def test_a_mail_is_the_same_each_time():
    """A retry, in another process too, sends the same bytes under the same Message-ID."""
    assert prepared().mail_to(ADA) == prepared().mail_to(ADA)
    other = Recipient("ADA@mail.example", "Ada")
    assert prepared().message_id(other) == prepared().message_id(ADA)
    assert prepared().message_id(Recipient("bob@mail.example", "")) != prepared().message_id(ADA)


def test_what_goes_over_the_wire_is_the_mail():
    """The library finds no dot to double, and no line is longer than RFC 2045 and 5321 allow."""
    data = prepared(text=".\n..a\n" + "x" * 74 + ".\n" + ".y" * 200).mail_to(ADA)
    assert smtplib._quote_periods(data) == data
    assert smtplib._fix_eols(data.decode()).encode() == data
    _, _, body = data.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 78
    assert data.endswith(b"\r\n")


@pytest.mark.parametrize("html", ["<p>x</p>", "<BODY a='b'><p>x</p></BODY></html>", ""])
def test_without_slots_the_link_is_still_there(html):
    """A template that lost its slots can't lose the unsubscribe link: it ends the body."""
    url = link(ADA.email)
    got = _html(prepared(html=html).mail_to(ADA)).replace("\n", "")
    before, after = ("<BODY a='b'>", "</BODY></html>") if "BODY" in html else ("", "")
    middle = "<p>x</p>" if html else ""
    assert got == f'{before}Hello Ada Lovelace,{middle}<a href="{url}">Unsubscribe</a>{after}'


def test_without_charts_there_is_no_related_part():
    """Two alternatives are all of a mail that has no image."""
    message = _read(prepared(issue(figures=())).mail_to(ADA))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_without_an_address_to_answer_it_there_is_no_link():
    """Where nobody answers clicks, a mail promises none."""
    data = prepared(link=None).mail_to(ADA)
    assert b"nsubscribe" not in data.replace(UNSUBSCRIBE_SLOT.encode(), b"")


def test_one_click_is_promised_over_https_only():
    """RFC 8058 wants https; over http the link stands without List-Unsubscribe-Post."""
    message = _read(prepared(link=lambda email: f"http://localhost/u/{email}").mail_to(ADA))
    assert message["List-Unsubscribe"] == "<http://localhost/u/ada@mail.example>"
    assert message["List-Unsubscribe-Post"] is None


def test_each_reader_is_alone_in_a_mail():
    """One To, no Cc, no Bcc, and no other reader's address anywhere."""
    data = prepared().mail_to(ADA)
    message = _read(data)
    assert [a.addr_spec for a in message["To"].addresses] == ["ada@mail.example"]
    assert message.get_all("To") == [message["To"]]
    assert message["Cc"] is None
    assert message["Bcc"] is None
    assert data.count(b"@mail.example") == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@mail.example",
        "a b@mail.example",
        "ada@mail.example\r\nBcc: x@y.example",
        "ada@mail.example\n",
        "<ada@mail.example>",
        "ada@mail.example> SIZE=1",
        "a@b@mail.example",
        "a..b@mail.example",
        "ada@mail.example,bob@mail.example",
        "ädä@mail.example",
        '"a b"@mail.example',
        "ada@[127.0.0.1]",
    ],
)
def test_what_is_no_address_gets_no_mail(address):
    """Nothing that could end a header line, a command or the brackets around an address passes."""
    with pytest.raises(SubscriberError):
        prepared().mail_to(Recipient(address, "Ada"))


@settings(max_examples=60)
@given(name=st.text(st.one_of(CONTROLS, st.characters(exclude_categories=["Cs"])), max_size=60))
def test_a_name_can_not_inject(name):
    """Whatever a reader is called, the headers have their known names and lines of due length."""
    data = prepared().mail_to(Recipient("ada@mail.example", name))
    head, _, _ = data.partition(b"\r\n\r\n")
    known = _read(prepared().mail_to(ADA)).keys()
    message = _read(data)
    assert message.keys() == known
    assert [a.addr_spec for a in message["To"].addresses] == ["ada@mail.example"]
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"List-Unsubscribe")]
    assert max(map(len, lines)) <= 110
    greeting = _html(data).partition("Hello")[2].partition("\n")[0]
    assert "<" not in greeting.partition("</p>")[0]


@pytest.mark.parametrize(
    "name",
    ['Ada "The Countess" O\\Neill', "Ada, Countess", "Jürgen Müller " * 6, "李明", "=?utf-8?q?x?="],
)
def test_a_name_arrives_as_it_is(name):
    """Quotes, commas, non-Latin and long names, and what looks encoded, reach the reader's eyes."""
    message = email.message_from_bytes(prepared().mail_to(Recipient("ada@mail.example", name)))
    phrase = message["To"].rpartition(" <")[0]
    decoded = str(make_header(decode_header(phrase.replace("\r\n", ""))))
    if decoded.startswith('"'):
        decoded = re.sub(r"\\(.)", r"\1", decoded[1:-1])
    assert decoded == name.strip()


@settings(max_examples=60)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_a_subject_arrives_as_it_is(text):
    """Any headline becomes header lines that decode to it, in printable ASCII, none over 78."""
    value = encode.unstructured("Subject", text)
    lines = f"Subject: {value}".split("\r\n")
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(line.startswith(" ") for line in lines[1:])
    assert all(len(line) <= 78 for line in lines)
    assert str(make_header(decode_header(value.replace("\r\n", "")))) == encode.one_line(text)


@settings(max_examples=100)
@given(first=LINES, second=LINES)
def test_quoted_printable_is_line_by_line(first, second):
    """Encodings of two texts, joined, are an encoding of both; no line begins with a dot."""
    texts = ["\n".join(first), "\n".join(second)]
    encoded = b"".join(map(encode.quoted_printable, texts))
    message = email.message_from_bytes(
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded,
    )
    decoded = message.get_payload(decode=True).decode().replace("\r\n", "\n")
    assert decoded == "".join(map(_lines, texts))
    lines = encoded.split(b"\r\n")
    assert all(len(line) <= 76 and not line.startswith(b".") for line in lines)
    assert b"\n" not in b"".join(lines)


@settings(max_examples=40)
@given(html=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_no_text_ends_its_part(html):
    """Whatever stands in it, a boundary too, the HTML arrives whole and as the last alternative."""
    hostile = f"--=_{ISSUE_ID}\n{html}\n--=_{ISSUE_ID}--\n"
    assert _lines(hostile) in _html(prepared(html=f"<body>{hostile}</body>").mail_to(ADA))


@pytest.mark.parametrize(
    "sender", ["", "Gridletter", "news@", "a@b, c@d", "News <news@lettérs.example>"]
)
def test_a_sender_that_is_no_address_is_a_setting_to_mend(sender):
    """It is said before anything is sent, with the setting's name."""
    with pytest.raises(SettingsError, match="GRIDLETTER_SENDER"):
        prepared(sender=sender)


def test_composing_costs_little_more_than_copying():
    """A mail's parts are not encoded again for each reader: their bytes are the prepared ones."""
    mail = prepared()
    data = mail.mail_to(ADA)
    for piece in vars(mail.pieces).values():
        assert piece in data
    assert mail.pieces.closing.count(b"image/png") == len(CHARTS)

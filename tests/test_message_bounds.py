"""Messages that are none, and messages that would take too much: a typed error, and soon."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import zipfile

import pytest

from documents import (
    DECLARATION,
    brief,
    document,
    envelope,
    gzipped,
    in_base64,
    series,
    soon,
    zipped,
)
from flows.document import read, unpack
from flows.document.message import MAX_MESSAGE_BYTES
from flows.document.packed import MAX_DOCUMENTS, MAX_RATIO, MAX_UNPACKED_BYTES, unpack_bytes
from flows.errors import DocumentError, MessageError, MessageTooLarge

TEXT = document(series([1, 2, 3]))


def refuse(message: str, match: str, error: type[MessageError] = MessageError) -> MessageError:
    """Return the error that `message` gives within a second."""
    with soon(), pytest.raises(error, match=match) as caught:
        unpack(message, ("file:///",))
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("", "the message is empty"),
        (" \n\ufeff", "the message is empty"),
        ("hello", "begins with 'hello'"),
        ("a\r\nb: c\x00", "begins with 'a b: c'"),
        ("None", "no XML and nothing packed"),
        ('{"body": "x"}', "no XML and nothing packed"),
        ('"not closed', "no XML and nothing packed"),
        ("\\x3cGL", "no XML and nothing packed"),
        ("\\" * 100_000, "no XML and nothing packed"),
        (in_base64(TEXT.encode()), "no XML and nothing packed"),
        (in_base64(b"%PDF-1.7"), "no XML and nothing packed"),
        ("A" * 1_000_001, "no XML and nothing packed"),
        (" " * 1_000_000 + "!", "begins with '!'"),
        ("{{ event.payload.body }}", "its template, not filled in"),
        ("{% if x %}", "its template, not filled in"),
    ],
    ids=brief,
)
def test_what_is_no_message_is_an_error(message, says):
    """Anything else than the accepted forms is an error that shows, in one line, how it begins."""
    refuse(message, says)


def test_a_failed_template_is_reported_as_such():
    """Prefect hands over a template's error text as the value: the error says so and quotes it."""
    error = refuse(
        "Failed to render template due to the following error: UndefinedError('\"body\" \\n')\n"
        "Template source:\n{{ event.payload.body }}",
        "instead of a message came the error of its template",
    )
    assert "UndefinedError" in error.what
    assert "{{ event.payload.body }}" in error.remedy


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (envelope(), "the envelope has no Body with a Payload"),
        (envelope("").replace("Payload", "Other"), "the envelope has no Body with a Payload"),
        (envelope(""), "payload 1 is empty"),
        (envelope("<msg:Format>XML</msg:Format>"), "payload 1 is empty"),
        (envelope("<msg:Compressed>%%%</msg:Compressed>"), "payload 1 is no XML"),
        (envelope("just words"), "payload 1 is no XML"),
        (envelope("file:///etc/hostname"), "payload 1 is no XML"),
        (envelope("s3://bucket/key"), "payload 1 is no XML"),
        (envelope(TEXT)[:-30], "the envelope is no sound XML"),
        (envelope("<a>" * 300 + "</a>" * 300), "the envelope is no sound XML"),
        (
            envelope("<env:Fault><env:Text>Access denied</env:Text></env:Fault>").replace(
                "msg:Payload", "msg:Other"
            ),
            "a Fault: Access denied",
        ),
    ],
    ids=brief,
)
def test_an_envelope_without_documents_is_an_error(message, says):
    """An envelope that is broken, empty, or has no payload that can be read says which."""
    refuse(message, says)


def test_an_envelope_with_a_doctype_is_refused():
    """Entities don't come in by the envelope either."""
    doctype = '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    message = envelope(TEXT).replace(DECLARATION, DECLARATION + doctype)
    with soon():
        (payload,) = unpack(message)
        with pytest.raises(DocumentError, match="document type declaration"):
            read(payload.xml)


@pytest.mark.parametrize(
    "message",
    [
        gzipped(TEXT)[:-40],
        zipped(a_xml=TEXT)[:-40],
        in_base64(gzip.compress(TEXT.encode())[:-8] + b"\0" * 8),
        in_base64(b"\x1f\x8b" + os.urandom(100)),
        in_base64(b"PK\x03\x04" + os.urandom(100)),
    ],
    ids=["truncated gzip", "truncated zip", "wrong checksum", "gzip of noise", "zip of noise"],
)
def test_broken_archives_are_errors(message):
    """A truncated or corrupt archive is an error, never a shorter document."""
    refuse(message, "can't be unpacked|no XML and nothing packed")


def archive(*members: tuple[zipfile.ZipInfo | str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return target.getvalue()


def test_only_plain_zip_files_are_read():
    """A password or another method than deflate is refused; a folder entry is passed over."""
    refuse(in_base64(archive(("a.xml", b"<a/>"), method=zipfile.ZIP_BZIP2)), "another method")
    encrypted = bytearray(archive(("a.xml", b"<a/>")))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = encrypted.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        encrypted[at] |= 1
    refuse(in_base64(bytes(encrypted)), "can't be unpacked")
    (payload,) = unpack(in_base64(archive(("folder/", b""), ("folder/a.xml", TEXT.encode()))))
    assert payload.name == "folder/a.xml"


def test_names_in_archives_are_inert(tmp_path, monkeypatch):
    """A member called `../../x` or with line breaks is a name in one line; nothing is written."""
    monkeypatch.chdir(tmp_path)
    first, second = unpack(
        in_base64(archive(("../../etc/x.xml", TEXT.encode()), ("a\nb\u202e.xml", TEXT.encode())))
    )
    assert (first.name, second.name) == ("../../etc/x.xml", "a b .xml")
    assert not list(tmp_path.iterdir())


def test_the_length_of_a_message_is_bounded():
    """50 MB are refused at once, as text and in a file."""
    refuse("<" + "x" * 50_000_000, "more than", MessageTooLarge)
    assert MAX_MESSAGE_BYTES < 50_000_000


def test_the_length_of_a_file_is_bounded(tmp_path):
    """A file is read no further than the bound, be it sparse and huge."""
    with (tmp_path / "huge.xml").open("wb") as file:
        file.truncate(2**40)
    refuse((tmp_path / "huge.xml").as_uri(), "has more than", MessageTooLarge)


def test_bombs_are_refused():
    """A gzip or zip file that unpacks to more than the bound is refused before it has done so."""
    zeros = b"\0" * 2**20
    size = MAX_UNPACKED_BYTES // len(zeros) + 8
    bomb = in_base64(gzip.compress(zeros * size, 1))
    refuse(bomb, "unpacks to more bytes", MessageTooLarge)
    refuse(envelope(bomb), "unpacks to more bytes", MessageTooLarge)
    many = archive(*((f"{number}.xml", zeros) for number in range(size)))
    refuse(in_base64(many), "unpacks to more bytes", MessageTooLarge)


def test_what_packs_too_well_is_refused():
    """Ten megabytes of one letter stay under the bound on bytes, and are no document."""
    refuse(gzipped(" " * 10_000_000), "packed no more than", MessageTooLarge)
    assert MAX_UNPACKED_BYTES > 10_000_000


def test_bombs_may_not_hide_in_many_payloads():
    """The bound on what is unpacked holds for the message, not for each of its payloads."""
    part = gzipped(" " * (MAX_UNPACKED_BYTES // 40) + os.urandom(100_000).hex())
    refuse(envelope(*[part] * 60), "holds more documents, or more bytes", MessageTooLarge)


def test_an_archive_within_an_archive_within_an_archive_is_refused():
    """Packing again and again is followed twice, then refused."""
    twice = gzipped(envelope(gzipped(envelope(TEXT))))
    assert unpack(twice)
    refuse(gzipped(envelope(twice)), "packed more than 2 times", MessageTooLarge)


def test_the_number_of_documents_is_bounded():
    """More members or payloads than the bound are refused before they are read."""
    empty = archive(*((f"{n}.xml", b"") for n in range(MAX_DOCUMENTS + 1)))
    refuse(in_base64(empty), f"more than {MAX_DOCUMENTS:,} files", MessageTooLarge)
    payloads = envelope(*["<a/>"] * (MAX_DOCUMENTS + 1))
    refuse(payloads, "holds more documents", MessageTooLarge)


def test_real_documents_are_far_from_the_bounds():
    """A year of constant quarter-hours, which packs as well as any document, is let through."""
    year = {"start": "2023-12-31T23:00Z", "end": "2024-12-31T23:00Z"}
    text = document(series([0] * 35136, **year), **year)
    packed = gzip.compress(text.encode(), 9)
    assert len(text) / len(packed) < MAX_RATIO
    ((_, content),) = unpack_bytes(packed)
    assert content == text.encode()


@pytest.mark.parametrize("quote", ["", '"'])
def test_escapes_are_undone_once(quote):
    """A JSON string within a JSON string is no accepted form."""
    twice = json.dumps(json.dumps(TEXT))[1:-1]
    refuse(f"{quote}{twice}{quote}", "no XML and nothing packed")


def test_a_surrogate_is_no_text():
    """Half a surrogate pair, which JSON can smuggle in, is an error of the document."""
    text = json.dumps(TEXT)[1:-1].replace(">1<", ">\\ud8001<")
    (payload,) = unpack(text)
    with pytest.raises(DocumentError, match="not well-formed"):
        read(payload.xml)


def test_base64_of_binary_noise_is_no_message():
    """Bytes that are neither gzip nor zip are refused, whatever they hold."""
    refuse(base64.b64encode(os.urandom(1000)).decode(), "no XML and nothing packed")

"""Every form in which an event message arrives, down to the documents in it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from documents import (
    BE,
    DECLARATION,
    NL,
    document,
    envelope,
    gzipped,
    into,
    series,
    zipped,
)
from flows.document import Payload, read, unpack
from flows.errors import MessageError, StorageError

TEXT = document(series([1, 2, 3]), "<Reason><text>Überholung \\ &quot;a&quot;</text></Reason>")
OTHER = document(series([4], where=into(NL)), series([5], where=into(BE)))


def quoted(text: str) -> str:
    """`text` as a JSON string."""
    return json.dumps(text)


def bare(text: str) -> str:
    """`text` as a JSON string that has lost its quotes."""
    return json.dumps(text)[1:-1]


def in_html(text: str) -> str:
    """`text` as a template's `tojson` filter writes it."""
    escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"}
    return "".join(escapes.get(letter, letter) for letter in json.dumps(text))


def compressed(text: str) -> str:
    """A payload as IEC 61968-100 packs it."""
    return f"<msg:Compressed>{gzipped(text)}</msg:Compressed><msg:Format>XML</msg:Format>"


FORMS = {
    "document": TEXT,
    "document with a byte order mark": "\ufeff" + TEXT,
    "document after blank lines": "\r\n\r\n" + TEXT + "\n",
    "document without declaration": TEXT.removeprefix(DECLARATION),
    "document with a prefix": document(series([1, 2, 3]), prefix="ns0"),
    "envelope": envelope(TEXT),
    "envelope with another prefix": envelope(TEXT, prefix="S"),
    "envelope of text": envelope(f"<![CDATA[{TEXT}]]>"),
    "envelope of escaped text": envelope(TEXT.replace("&", "&amp;").replace("<", "&lt;")),
    "envelope of gzip": envelope(gzipped(TEXT)),
    "envelope of zip": envelope(zipped(a_xml=TEXT)),
    "envelope, compressed": envelope(compressed(TEXT)),
    "JSON string": quoted(TEXT),
    "JSON string without quotes": bare(TEXT),
    "JSON string of an envelope": quoted(envelope(TEXT)),
    "JSON string of an envelope without quotes": bare(envelope(TEXT)),
    "JSON string for HTML": in_html(TEXT),
    "JSON string for HTML without quotes": in_html(TEXT)[1:-1],
    "JSON string with single quotes in tags": bare(TEXT.replace('"', "'")),
    "gzip": gzipped(TEXT),
    "gzip of an envelope": gzipped(envelope(TEXT)),
    "gzip in lines": base64.encodebytes(gzip.compress(TEXT.encode())).decode(),
    "gzip as a JSON string": quoted(gzipped(TEXT)),
    "gzip in escaped lines": bare(base64.encodebytes(gzip.compress(TEXT.encode())).decode()),
    "zip": zipped(a_xml=TEXT),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_document(form):
    """Each accepted form of a message gives the document in it, values and texts unchanged."""
    (payload,) = unpack(FORMS[form])
    assert isinstance(payload.xml, bytes)
    (found,) = read(payload.xml)
    assert found.frame["value"].tolist() == [1, 2] + [3] * 94
    if "prefix" not in form or "envelope" in form:
        assert 'Überholung \\ "a"' in found.xml or "prefix" in form


def test_text_beside_a_document_is_not_part_of_it():
    """Words between the documents of a payload do not get into either of them."""
    stray = TEXT.removeprefix(DECLARATION) + "stray"
    assert [b"stray" in payload.xml for payload in unpack(envelope(stray * 2))] == [False, False]


def test_a_document_of_an_envelope_stands_alone():
    """What comes out of an envelope has the envelope's namespaces no more."""
    (payload,) = unpack(envelope(TEXT))
    assert b"soap-envelope" not in payload.xml
    assert b"schema/message" not in payload.xml
    assert payload.xml.startswith(b"<?xml ")


@pytest.mark.parametrize(
    "message",
    [
        envelope(TEXT, OTHER),
        envelope(TEXT + OTHER.removeprefix(DECLARATION)),
        envelope(gzipped(TEXT), OTHER),
        zipped(a_xml=TEXT, b_xml=OTHER),
        envelope(zipped(a_xml=TEXT, b_xml=OTHER)),
    ],
    ids=["payloads", "one payload", "mixed", "zip", "zip in an envelope"],
)
def test_a_message_may_hold_several_documents(message):
    """All documents come out, in order, under names that tell them apart."""
    first, second = unpack(message)
    assert first.name != second.name
    assert len(read(first.xml)) == 1
    assert [found.zone.code for found in read(second.xml)] == ["NL", "BE"]


def test_names_say_where_a_document_stood():
    """A payload's name is its number, the name of its file in an archive, or "message"."""
    assert [payload.name for payload in unpack(TEXT)] == ["message"]
    assert [payload.name for payload in unpack(zipped(a_xml=TEXT, b_xml=TEXT))] == [
        "a.xml",
        "b.xml",
    ]
    assert [payload.name for payload in unpack(envelope(TEXT, zipped(a_xml=TEXT)))] == [
        "payload 1",
        "payload 2 a.xml",
    ]


ANYWHERE = ("file:///", "s3://")


def test_an_address_is_followed_only_where_claims_are_kept(tmp_path):
    """Who can push a message can't have any other file or bucket read, by no spelling or link."""
    claims, secret = tmp_path / "claims", tmp_path / "secret.xml"
    claims.mkdir()
    secret.write_text(TEXT, encoding="utf-8")
    (claims / "link.xml").symlink_to(secret)
    (claims / "kept.xml").write_text(TEXT, encoding="utf-8")
    allowed = (claims.as_uri(), "s3://bucket/claims")
    assert unpack((claims / "kept.xml").as_uri(), allowed)
    for address in (
        secret.as_uri(),
        f"{claims.as_uri()}/../secret.xml",
        f"{claims.as_uri()}/%2e%2e/secret.xml",
        (claims / "link.xml").as_uri(),
        "s3://bucket/claims-of-another/a.xml",
        "s3://other/claims/a.xml",
    ):
        with pytest.raises(MessageError, match="not where large messages are kept"):
            unpack(address, allowed)
    with pytest.raises(MessageError, match="not where large messages are kept"):
        unpack((claims / "kept.xml").as_uri())


def test_a_broken_document_does_not_hide_the_others():
    """A document that does not read is handed on: that one fails, those beside it do not."""
    broken, sound = unpack(zipped(a_xml=TEXT[:-40], b_xml=TEXT))
    assert read(sound.xml)
    assert broken == Payload("a.xml", TEXT[:-40].encode())


def test_a_file_address_stands_for_what_it_holds(tmp_path):
    """A `file:` address gives the documents in the file, packed or not, by whatever spelling."""
    plain, packed = tmp_path / "a b.xml", tmp_path / "c.zip"
    plain.write_text(envelope(TEXT), encoding="utf-8")
    packed.write_bytes(base64.b64decode(zipped(a_xml=TEXT)))
    for address in (
        plain.as_uri(),
        packed.as_uri(),
        f"file:{plain.as_uri()[7:]}",
        f" {plain.as_uri()}\n",
    ):
        (payload,) = unpack(address, ANYWHERE)
        assert read(payload.xml)


def test_a_file_that_holds_an_address_is_not_followed(tmp_path):
    """An address leads to a message, not to another address; its content is not quoted."""
    target, first = tmp_path / "secret.txt", tmp_path / "first.txt"
    target.write_text(TEXT, encoding="utf-8")
    first.write_text(target.as_uri(), encoding="utf-8")
    with pytest.raises(MessageError, match="no XML and nothing packed") as caught:
        unpack(first.as_uri(), ANYWHERE)
    assert "secret" not in str(caught.value)


def test_a_file_of_another_encoding_is_refused(tmp_path):
    """A file that is not UTF-8 is an error, rather than a document with other letters in it."""
    path = tmp_path / "latin.xml"
    path.write_bytes(TEXT.encode("latin-1"))
    with pytest.raises(MessageError, match="no UTF-8 text"):
        unpack(path.as_uri(), ANYWHERE)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("file:relative.xml", "no address of a file on this machine"),
        ("file://elsewhere/a.xml", "no address of a file on this machine"),
        ("file:///no/such/file", "No such file"),
        ("file:///a%00b", "can't be read"),
        ("file:///dev/null", "no regular file"),
        ("file:///", "can't be read"),
        ("s3://", "no address of an object"),
        ("s3://bucket", "no address of an object"),
        ("s3://bucket/key?versionId=1", "no address of an object"),
    ],
)
def test_other_addresses_are_errors(address, says):
    """What is no regular file or no object's address is an error that says so."""
    with pytest.raises(MessageError, match=says):
        unpack(address, ANYWHERE)


def test_a_pipe_is_no_regular_file(tmp_path):
    """A named pipe is refused at once, though nobody writes to it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MessageError, match="no regular file"):
        unpack((tmp_path / "pipe").as_uri(), ANYWHERE)


@contextmanager
def bucket(objects: dict[str, bytes], status: int = 200):
    """A stand-in for S3 on loopback that holds `objects` by path; yields the requests it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            data = objects.get(self.path)
            self.send_response(status if data is not None else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield seen
    server.shutdown()
    server.server_close()


def test_an_s3_address_stands_for_the_object():
    """An `s3://` address gives the documents in the object, packed or not."""
    packed = base64.b64decode(zipped(a_xml=TEXT))
    with bucket({"/claims/a/b.xml": TEXT.encode(), "/claims/c.zip": packed}) as seen:
        for key in ("a/b.xml", "c.zip"):
            (payload,) = unpack(f"s3://claims/{key}", ANYWHERE)
            assert read(payload.xml)
    assert seen == ["/claims/a/b.xml", "/claims/c.zip"]


def test_a_missing_object_is_permanent_and_an_outage_is_not():
    """An object that is not there is the message's fault; a bucket that fails is worth a retry."""
    with bucket({}), pytest.raises(MessageError, match="is not there"):
        unpack("s3://claims/a.xml", ANYWHERE)
    with bucket({"/claims/a.xml": b""}, status=403), pytest.raises(StorageError) as caught:
        unpack("s3://claims/a.xml", ANYWHERE)
    assert caught.value.retryable
    assert caught.value.data["path"] == "s3://claims/a.xml"

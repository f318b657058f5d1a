"""The answer to a push: a ResponseMessage that repeats its header, or an acknowledgement."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from documents import envelope
from flows.document import read
from flows.gateway.answers import (
    ACKNOWLEDGEMENT,
    MESSAGE,
    SOAP_1_1,
    SOAP_1_2,
    acknowledgement,
    response_message,
)
from flows.gateway.glance import Glance, glance
from gateway_examples import DOCUMENT, PUSH, SAMPLE, SOAP, Gateway

HEADER = "<msg:Verb>created</msg:Verb><msg:Noun>MarketDocument</msg:Noun>"


def fields(answer, *path):
    """Return (name, text) of each element below the one at the path, all in one namespace."""
    element = etree.fromstring(answer.body)
    for name in path:
        [element] = element.findall(f"{{*}}{name}")
    return [(etree.QName(child).localname, child.text) for child in element]


def test_the_response_repeats_the_request():
    """Verb, noun and context are the request's, and its MessageID is the correlation."""
    header = f"{HEADER}<msg:Context>TESTING</msg:Context><msg:MessageID>a-1</msg:MessageID>"
    answer = response_message(glance(PUSH.replace(HEADER, header)))
    assert answer.headers["content-type"] == SOAP
    assert etree.QName(etree.fromstring(answer.body)).namespace == SOAP_1_2
    assert fields(answer, "Body", "ResponseMessage", "Header") == [
        ("Verb", "created"),
        ("Noun", "MarketDocument"),
        ("Context", "TESTING"),
        ("AckRequired", "false"),
        ("CorrelationID", "a-1"),
    ]
    assert fields(answer, "Body", "ResponseMessage", "Reply") == [("Result", "OK")]


def test_a_correlation_of_the_request_comes_first():
    """An id of the conversation is kept, not replaced by the message's."""
    header = "<msg:MessageID>a-1</msg:MessageID><msg:CorrelationID>c-1</msg:CorrelationID>"
    answer = response_message(glance(PUSH.replace(HEADER, HEADER + header)))
    assert ("CorrelationID", "c-1") in fields(answer, "Body", "ResponseMessage", "Header")


@pytest.mark.parametrize("message", [MESSAGE, "http://www.iec.ch/TC57/2008/schema/message"])
@pytest.mark.parametrize(
    ("soap", "content_type"), [(SOAP_1_2, SOAP), (SOAP_1_1, "text/xml; charset=utf-8")]
)
def test_the_response_is_in_the_request_namespaces(soap, content_type, message):
    """SOAP 1.1 and 1.2, and each edition of the message's schema, are answered in kind."""
    answer = response_message(glance(PUSH.replace(SOAP_1_2, soap).replace(MESSAGE, message)))
    root = etree.fromstring(answer.body)
    assert root.tag == f"{{{soap}}}Envelope"
    assert root[0][0].tag == f"{{{message}}}ResponseMessage"
    assert answer.headers["content-type"] == content_type


@pytest.mark.parametrize("text", [SAMPLE, "H4sIAAAA", "<a/>", PUSH.replace(HEADER, "")])
def test_a_push_without_a_header_gets_the_platforms_own(text):
    """A bare or packed document is answered as pushes of ENTSO-E are."""
    answer = response_message(glance(text))
    assert fields(answer, "Body", "ResponseMessage", "Header") == [
        ("Verb", "create"),
        ("Noun", "ETP-DOCUMENT"),
        ("Context", "PRODUCTION"),
        ("AckRequired", "false"),
    ]


@pytest.mark.parametrize("text", [SAMPLE, PUSH], ids=["bare", "envelope"])
def test_the_acknowledgement_names_the_document(text):
    """It has id, revision and type of what was received, and goes back the other way."""
    swapped = text.replace("10X1001A1001A450", "10XDE-SENDER---X", 1)
    answer = acknowledgement(glance(swapped))
    assert answer.headers["content-type"] == "application/xml"
    found = dict(fields(answer))
    created = datetime.fromisoformat(found.pop("createdDateTime"))
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    assert len(found.pop("mRID")) <= 35
    assert found == {
        "sender_MarketParticipant.mRID": "10X1001A1001A450",
        "sender_MarketParticipant.marketRole.type": "A33",
        "receiver_MarketParticipant.mRID": "10XDE-SENDER---X",
        "receiver_MarketParticipant.marketRole.type": "A32",
        "received_MarketDocument.mRID": "705ce35c1d0fa4a8ba37333473268d77",
        "received_MarketDocument.revisionNumber": "1",
        "received_MarketDocument.type": "A69",
        "received_MarketDocument.createdDateTime": "2026-06-16T16:00:00Z",
        "Reason": None,
    }
    assert fields(answer, "Reason") == [("code", "A01")]


def test_the_acknowledgement_of_a_packed_push_is_whole():
    """What can't be known without unpacking is left out, or as in the platform's own ones."""
    answer = acknowledgement(glance("H4sIAAAA"))
    names = [name for name, _ in fields(answer)]
    assert [name for name in names if name.startswith("received")] == [
        "received_MarketDocument.createdDateTime"
    ]
    root = etree.fromstring(answer.body)
    assert root.tag == f"{{{ACKNOWLEDGEMENT}}}Acknowledgement_MarketDocument"
    [sender] = root.findall("{*}sender_MarketParticipant.mRID")
    assert (sender.text, sender.get("codingScheme")) == ("10X1001A1001A450", "A01")


def test_our_own_acknowledgement_can_be_read():
    """The project's reader of the platform's acknowledgements reads this one, too."""
    [(code, _)] = read(acknowledgement(glance(SAMPLE)).body).reasons
    assert code == "A01"


@pytest.mark.parametrize(
    ("answer", "root"),
    [("soap", "Envelope"), ("acknowledgement", "Acknowledgement_MarketDocument")],
)
def test_the_setting_chooses_the_answer(home, answer, root):
    """`webhook_answer` is what a push over HTTP gets."""
    reply = Gateway(webhook_answer=answer).push(PUSH.encode())
    assert etree.QName(etree.fromstring(reply.content)).localname == root
    assert ("soap" in reply.headers["content-type"]) == (answer == "soap")


def test_only_the_first_of_several_documents_is_named():
    """The acknowledgement is about one document; fields of two are never mixed."""
    second = DOCUMENT.replace("705ce35c1d0fa4a8ba37333473268d77", "another").replace("A69", "A71")
    first = DOCUMENT.replace("<revisionNumber>1</revisionNumber>", "")
    seen = glance(envelope(first[:400] + "</GL_MarketDocument>", second)).document
    assert seen.get("mRID") != "another"


@pytest.mark.parametrize(
    "text",
    [
        "<a><mRID>" + "x" * 201 + "</mRID></a>",
        "<a><mRID><b/></mRID></a>",
        "<a><!-- " + "x" * 10_000 + " --><mRID>x</mRID></a>",
        "<a><TimeSeries><mRID>x</mRID></TimeSeries></a>",
        "<!DOCTYPE a [<!ENTITY b 'x'>]><a><mRID>&b;</mRID></a>",
        "<a" + ' b="c"' * 5000 + "><mRID>x</mRID></a>",
    ],
)
def test_what_is_no_field_is_left_out(text):
    """Too long, not text, too far behind, of a part, or an entity: no id was seen."""
    assert "mRID" not in glance(text).document


XML = st.recursive(
    st.text("ab<&>;x0\"'= \n", max_size=8),
    lambda inner: st.tuples(
        st.sampled_from(
            ["Envelope", "Body", "RequestMessage", "Header", "Payload", "Verb", "mRID", "a:b"]
        ),
        st.sampled_from(["", ' xmlns="urn:x"', ' xmlns="\x01"', ' codingScheme="A\'"', " x"]),
        st.lists(inner, max_size=4),
    ).map(lambda parts: f"<{parts[0]}{parts[1]}>{''.join(parts[2])}</{parts[0]}>"),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(XML | st.text(max_size=60))
def test_whatever_was_seen_can_be_answered(text):
    """However broken the beginning, both answers are well-formed."""
    seen = glance(text)
    for answer in (response_message(seen), acknowledgement(seen)):
        assert etree.fromstring(answer.body) is not None


def test_hostile_fields_are_text():
    """What stands in the header comes back as text, never as markup."""
    header = "<msg:Verb>&lt;/msg:Verb&gt;&lt;evil/&gt;</msg:Verb>"
    answer = response_message(glance(PUSH.replace(HEADER, header)))
    assert not etree.fromstring(answer.body).findall(".//evil")
    assert Glance() == glance("no XML")

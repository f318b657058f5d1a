"""One document about several zones: a document each, whose XML stands alone; and document keys."""

from __future__ import annotations

from itertools import groupby

import pytest
from lxml import etree

from documents import (
    AT,
    BE,
    DE_LU,
    NL,
    border,
    document,
    element,
    into,
    out_of,
    price_document,
    prices,
    series,
)
from flows.document import read

SEVERAL = {
    "generation": document(
        series([1, 2], where=into(NL), number=1),
        series([3], where=into(BE), number=2),
        series([4], where=into(NL), psr_type="B19", number=3),
        document_type="A75",
    ),
    "prices": price_document(
        prices([1], zone=DE_LU), prices([2], zone=AT), prices([3], zone=DE_LU)
    ),
    "borders": document(
        *(
            series([n], where=border(NL, source), number=n)
            for n, source in enumerate((BE, DE_LU), 1)
        ),
        family="Publication",
        document_type="A11",
        process_type=None,
    ),
    "prefixed": document(
        series([1], where=into(NL)),
        series([2], where=out_of(BE)),
        document_type="A75",
        prefix="ns0",
    ),
    "with a trailing reason": document(
        series([1], where=into(NL)),
        series([2], where=into(BE)),
        "<Reason><code>A95</code><text>both</text></Reason>",
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_the_xml_of_each_zone_gives_it_back(name):
    """Reading the XML that a zone's document keeps gives that document again, and no other."""
    documents = read(SEVERAL[name])
    assert len(documents) == 2
    for found in documents:
        (again,) = read(found.xml)
        assert again.frame.equals(found.frame)
        assert again.xml == found.xml
        assert (again.zone, again.counter_zone, again.key) == (
            found.zone,
            found.counter_zone,
            found.key,
        )
        assert (again.mrid, again.revision, again.created) == ("document-1", 1, found.created)


@pytest.mark.parametrize("name", SEVERAL)
def test_every_series_goes_to_one_zone(name):
    """No TimeSeries is lost or doubled; what stands around them stays with each zone."""
    whole = etree.fromstring(SEVERAL[name].encode())
    parts = [etree.fromstring(found.xml.encode()) for found in read(SEVERAL[name])]

    def order(root) -> list[str]:
        """The elements' names, those that follow each other once."""
        return [name for name, _ in groupby(root, key=lambda item: item.tag)]

    def numbers(root) -> list[str]:
        return [etree.tostring(item, with_tail=False) for item in root.iter("{*}TimeSeries")]

    assert sorted(numbers(whole)) == sorted(number for part in parts for number in numbers(part))
    for part in parts:
        assert order(part) == order(whole)
        assert part.findtext("{*}Reason/{*}text") == whole.findtext("{*}Reason/{*}text")


def test_xml_has_neither_comments_nor_instructions():
    """The XML that a document keeps has a declaration and its elements, nothing else."""
    text = document(series([1])).replace("<TimeSeries>", "<!-- a --><?php echo 1 ?><TimeSeries>")
    (found,) = read(text)
    assert found.xml.startswith("<?xml version='1.0' encoding='UTF-8'?>\n<GL_MarketDocument ")
    assert "<!--" not in found.xml
    assert "<?php" not in found.xml


def test_text_beyond_ascii_survives():
    """Names in other scripts stay as they are, be the document bytes or text."""
    text = document(series([1]), "<Reason><code>A95</code><text>Überholung – Łódź</text></Reason>")
    (from_text,), (from_bytes,) = read(text), read(text.encode())
    assert from_text.xml == from_bytes.xml
    assert "Überholung – Łódź" in from_text.xml


def key(*content: str, **fields: object) -> str:
    (found,) = read(document(*content, **fields))
    return found.key


def test_a_key_says_what_a_document_is_about():
    """The key holds type, process, zone, business and production types and period, in words."""
    content = series([1]), series([2], psr_type="B19", business_type="A93")
    assert key(*content) == (
        "A69 A01 10Y1001A1001A82H A93+A94 B16+B19 - - - "
        "2024-06-14T22:00:00+00:00 2024-06-15T22:00:00+00:00"
    )


def test_a_key_does_not_change_with_revision_or_values():
    """A new id, revision, creation time and other values leave the key as it is."""
    first = key(series([1]))
    assert key(series([5]), mrid="other", revision=7, created="2024-06-15T01:00:00Z") == first


@pytest.mark.parametrize(
    "other",
    [
        {"document_type": "A71"},
        {"process_type": "A40"},
        {"process_type": None},
        {"start": "2024-06-13T22:00Z"},
        {"end": "2024-06-16T22:00Z"},
    ],
)
def test_a_key_changes_with_the_document(other):
    """Another type, process or period is another document."""
    assert key(series([1]), **other) != key(series([1]))


@pytest.mark.parametrize(
    "other",
    [
        {"where": into(NL)},
        {"psr_type": "B19"},
        {"business_type": "A93"},
        {"head": element("registeredResource.mRID", "49W000000000070Z")},
    ],
)
def test_a_key_changes_with_its_series(other):
    """Another zone, production type, business type or single unit is another document."""
    assert key(series([1], **other)) != key(series([1]))


def test_a_later_auction_alone_is_another_document():
    """Sequence 2 alone is not what sequence 1 is; both together are, with a key of the first."""
    first, second, both = (
        read(price_document(*(prices([1], sequence=number) for number in numbers)))[0].key
        for numbers in ((1,), (2,), (1, 2))
    )
    assert first == both
    assert first != second

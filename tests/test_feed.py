from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import feedparser
import pytest
from lxml import etree

import archive_examples as examples
from flows.archive import pages
from flows.archive.card import Card
from flows.archive.index import Scope

URL = examples.URL
ATOM = {"a": "http://www.w3.org/2005/Atom"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# RFC 4287, 4.1.1 and 4.1.2: how often an element may stand in a feed and in an entry.
IN_FEED = {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "author": (1, 99), "subtitle": (0, 1)}
IN_ENTRY = {
    "id": (1, 1),
    "title": (1, 1),
    "updated": (1, 1),
    "published": (0, 1),
    "content": (0, 1),
    "summary": (0, 1),
}


def card(*args, **changes):
    return Card.of(examples.issue(*args, **changes)[0])


CARDS = (
    card("wind_solar", "DE_LU", 0),
    card("wind_solar", "DE_LU", 0, 2),
    card("load", "FR", 1, figures=()),
    Card.of(examples.correction(examples.issue("load", "FI", 2)[0])[0]),
)


def feed_of(*cards, kind="all", name="", url=URL):
    return pages.feed(Scope.of(kind, name, cards), url)


def entries(xml):
    return etree.fromstring(xml).findall("a:entry", ATOM)


def check(xml):
    """Raise unless `xml` is an Atom feed by RFC 4287, of UTF-8, that feedparser reads whole."""
    read = feedparser.parse(xml)
    assert not read.bozo, read.bozo_exception
    assert read.version == "atom10"
    root = etree.fromstring(xml)
    assert root.tag == f"{{{ATOM['a']}}}feed"
    assert xml.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    for element, allowed in [(root, IN_FEED), *((entry, IN_ENTRY) for entry in entries(xml))]:
        for tag, (least, most) in allowed.items():
            assert least <= len(element.findall(f"a:{tag}", ATOM)) <= most, tag
        assert element.findtext("a:title", namespaces=ATOM).strip()
        assert element.findtext("a:id", namespaces=ATOM).startswith("urn:uuid:")
        # 4.1.1.1, 4.1.2: an alternate link at most once for each type and language.
        alternates = element.findall("a:link[@rel='alternate']", ATOM)
        assert len(alternates) == 1
        assert alternates[0].get("type") == "text/html"
        for date in element.xpath("a:updated | a:published", namespaces=ATOM):
            assert RFC3339.fullmatch(date.text)
    assert len(root.findall("a:link[@rel='self']", ATOM)) == 1
    assert root.findtext("a:author/a:name", namespaces=ATOM)
    ids = [entry.findtext("a:id", namespaces=ATOM) for entry in entries(xml)]
    assert len(ids) == len(set(ids)) == len(read.entries)
    return read


@pytest.mark.parametrize(
    ("kind", "name", "folder"),
    [
        ("all", "", ""),
        ("newsletter", "load", "newsletters/load/"),
        ("zone", "DE_LU", "zones/DE_LU/"),
    ],
)
def test_feeds_are_valid(kind, name, folder):
    """Those of all, of a newsletter and of a zone hold what RFC 4287 asks, at their own address."""
    cards = [c for c in CARDS if name in {"", c.newsletter, c.zone.code}]
    read = check(feed_of(*cards, kind=kind, name=name))
    links = {link.rel: link.href for link in read.feed.links}
    assert links == {"self": f"{URL}{folder}feed.xml", "alternate": f"{URL}{folder}index.html"}
    assert len(read.entries) == len(cards) - (CARDS[0] in cards)


def test_an_empty_archive_has_a_valid_feed():
    """Before the first issue it is there, without entries."""
    assert check(feed_of()).entries == []


def test_an_entry_says_what_the_issue_says():
    """Headline and place, summary, categories, link, and as content figures and chart."""
    shown = card("load", "FR", 1)
    (entry,) = check(feed_of(shown)).entries
    assert entry.title == f"{shown.headline} · France"
    assert entry.link == f"{URL}{shown.path}/index.html"
    assert entry.summary == shown.lede
    assert [tag.term for tag in entry.tags] == ["load", "FR"]
    (content,) = entry.content
    assert content.type == "text/html"
    assert f'src="{URL}{shown.path}/chart-1.png"' in content.value
    assert "41.2 GW" in content.value
    assert "<img" not in entries(feed_of(CARDS[2]))[0].findtext("a:content", namespaces=ATOM)


def test_newest_first_and_nothing_superseded():
    """Entries stand by the documents' creation, and what was replaced has none."""
    read = check(feed_of(*CARDS))
    assert len(read.entries) == len(CARDS) - 1
    assert all(a.updated >= b.updated for a, b in pairwise(read.entries))
    assert CARDS[0].path not in feed_of(*CARDS).decode()


def test_an_entry_keeps_its_id():
    """No time, address, rendering or feed makes another entry of an issue; a revision does."""
    first = card("load", "FR")
    moved = first.model_copy(update={"published": first.published + timedelta(days=1)})
    corrected = Card.of(examples.correction(examples.issue("load", "FR")[0])[0])
    same = [
        feed_of(first),
        feed_of(moved),
        feed_of(first, url="https://elsewhere.example/archive/"),
        feed_of(corrected),
        feed_of(first, kind="zone", name="FR"),
    ]
    ids = {entries(xml)[0].findtext("a:id", namespaces=ATOM) for xml in same}
    assert len(ids) == 1
    (revised,) = entries(feed_of(card("load", "FR", 0, 2)))
    assert revised.findtext("a:id", namespaces=ATOM) not in ids


def test_feeds_have_ids_of_their_own():
    """That of a newsletter is another feed than that of all."""
    ids = {
        check(feed_of(CARDS[2], kind=kind, name=name)).feed.id
        for kind, name in (("all", ""), ("newsletter", "load"), ("zone", "FR"))
    }
    assert len(ids) == 3


def test_updated_is_when_it_was_published():
    """An entry's is its rendering's; the feed's is the latest of all, also of what left it."""
    original = examples.issue("load", "FR")[0]
    corrected = Card.of(examples.correction(original)[0])
    read = check(feed_of(Card.of(original)))
    assert read.entries[0].updated == read.entries[0].published == "2025-11-27T19:00:00Z"
    assert read.feed.updated == "2025-11-27T19:00:00Z"
    read = check(feed_of(Card.of(original), corrected))
    (entry,) = read.entries
    assert entry.updated == read.feed.updated == "2025-11-28T19:00:00Z"
    # When it came out first a correction's card doesn't say.
    assert "published" not in entry
    late = CARDS[0].model_copy(update={"published": CARDS[1].published + timedelta(days=3)})
    read = check(feed_of(late, CARDS[1]))
    assert read.feed.updated > read.entries[0].updated


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "]]>&lol;<!DOCTYPE x>",
        "{{7*7777777}}{% raw %}",
        "a\0b\x0bc\ufffed\ud800\u202ee",
        "</title></feed>",
    ],
)
def test_hostile_text_is_text(hostile):
    """Markup in a name is words twice over: in the XML, and in the HTML of the content."""
    shown = card("load", "FR").model_copy(
        update={"headline": hostile, "lede": hostile, "title": hostile}
    )
    xml = feed_of(shown)
    read = check(xml)
    kept = "".join(c for c in hostile if c not in "\ufffe\ud800\u202e")
    kept = kept.replace("\0", "").replace("\x0b", "")
    (entry,) = entries(xml)
    title = entry.findtext("a:title", namespaces=ATOM)
    assert title.replace(" ", "") == f"{kept} · France".replace(" ", "")
    html = entry.findtext("a:content", namespaces=ATOM)
    assert "<script" not in html
    assert "54444439" not in html
    assert len(read.entries) == 1


def test_the_same_is_the_same_bytes():
    """A feed can be made anew without a difference, whatever the order of publication."""
    assert feed_of(*CARDS) == feed_of(*reversed(CARDS))

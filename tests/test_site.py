from __future__ import annotations

from datetime import timedelta

import pytest
from lxml import etree
from lxml import html as lxml_html

import issue_examples as examples
from flows.archive.site import feed, index_page

BASE = "https://letters.example.org/"
ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture(scope="module")
def issue():
    """Return an issue with a chart."""
    return examples.render_notebook(examples.full())[0]


def entries(feed_xml):
    """Return the entries of a feed."""
    return etree.fromstring(feed_xml).findall("a:entry", ATOM)


def test_the_front_page_leads_to_each_issue(issue):
    """A card has headline, newsletter, zone, day and first chart, and links to the page."""
    page = lxml_html.fromstring(index_page([issue]))
    (card,) = page.find_class("card")
    text = " ".join(card.text_content().split())
    for word in (issue.headline, issue.title, "Germany–Luxembourg", "Sunday 26 October 2025"):
        assert word in text
    assert [a.get("href") for a in card.iter("a")] == [f"{issue.path}/index.html"]
    assert [i.get("src") for i in card.iter("img")] == [f"{issue.path}/chart-1.png"]
    assert [s.get("srcset") for s in card.iter("source")] == [f"{issue.path}/chart-1-dark.png"]


def test_the_front_page_shows_the_newest_revision(issue):
    """A superseded issue has no card beside the one that supersedes it."""
    second, _ = examples.render(doc=examples.document(revision=2), superseded=issue)
    page = index_page([second, issue]).decode()
    assert f"{second.path}/index.html" in page
    assert f"{issue.path}/index.html" not in page


def test_an_empty_archive_has_a_front_page_and_a_feed():
    """Before the first issue both are there and say so."""
    assert "No issue has been published yet" in index_page([]).decode()
    assert entries(feed([], BASE)) == []


def test_the_front_page_is_self_contained(issue):
    """It has no script, and only relative addresses."""
    page = lxml_html.fromstring(index_page([issue]))
    assert not list(page.iter("script"))
    addresses = [value for _, name, value, _ in page.iterlinks() if name in {"href", "src"}]
    assert addresses
    assert not [address for address in addresses if ":" in address or address.startswith("/")]


def test_the_feed_is_atom(issue):
    """Feed and entries have the elements that RFC 4287 requires, with absolute links."""
    root = etree.fromstring(feed([issue], BASE))
    for required in ("id", "title", "updated", "author/a:name"):
        assert root.findtext(f"a:{required}", namespaces=ATOM)
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    (entry,) = root.findall("a:entry", ATOM)
    assert entry.findtext("a:title", namespaces=ATOM) == issue.subject
    assert entry.findtext("a:updated", namespaces=ATOM) == "2025-10-25T17:05:00Z"
    assert entry.findtext("a:summary", namespaces=ATOM) == examples.LEDE
    assert entry.find("a:link", ATOM).get("href") == f"{BASE}{issue.path}/index.html"


def test_an_entry_keeps_its_id(issue):
    """A later publication or another address of the archive is no new entry; a revision is."""
    moved = issue.model_copy(update={"published": issue.published + timedelta(days=1)})
    second, _ = examples.render(doc=examples.document(revision=2), superseded=issue)
    ids = [
        entries(feed([made], base))[0].findtext("a:id", namespaces=ATOM)
        for made, base in (
            (issue, BASE),
            (moved, "https://elsewhere.example/archive"),
            (second, BASE),
        )
    ]
    assert ids[0].startswith("urn:uuid:")
    assert ids[0] == ids[1] != ids[2]


def test_the_feed_was_updated_with_its_latest_entry(issue):
    """`updated` of the feed is that of the newest issue, in whatever order they come."""
    later = issue.model_copy(update={"published": issue.published + timedelta(hours=2)})
    root = etree.fromstring(feed([issue, later], BASE))
    assert root.findtext("a:updated", namespaces=ATOM) == "2025-10-25T19:05:00Z"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "]]>&lol;<!DOCTYPE x>",
        "{{7*7}}{% raw %}",
        "a\0b\x0bc\ufffed\ud800\u202ee",
        "</title></feed>",
    ],
)
def test_hostile_text_is_text(issue, hostile):
    """Markup in a headline is words in feed and front page, and what XML can't hold is gone."""
    made = issue.model_copy(update={"headline": hostile, "lede": hostile, "title": hostile})
    (entry,) = entries(feed([made], BASE))
    kept = "".join(c for c in hostile if c not in "\ufffe\ud800\u202e")
    kept = kept.replace("\0", " ").replace("\x0b", " ")
    assert entry.findtext("a:title", namespaces=ATOM) == f"{kept} · Germany–Luxembourg"
    page = lxml_html.fromstring(index_page([made]))
    assert not list(page.iter("script"))
    assert "49" not in index_page([made]).decode().split("<main")[1]


def test_the_same_issues_give_the_same_bytes(issue):
    """Front page and feed can be made anew without a difference."""
    assert index_page([issue]) == index_page([issue])
    assert feed([issue], BASE) == feed([issue], BASE)

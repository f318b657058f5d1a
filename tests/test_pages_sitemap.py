from __future__ import annotations

from urllib.robotparser import RobotFileParser

from lxml import etree

import archive_examples as examples
from flows.archive import pages
from flows.archive.card import Card
from flows.archive.index import Day
from flows.archive.pages import sitemap
from flows.archive.pages.sitemap import NAMESPACE

URL = examples.URL
NS = {"s": NAMESPACE}
# The protocol's limits for one file, uncompressed, and for an address in it.
MOST_URLS = 50_000
MOST_BYTES = 50 * 1024 * 1024
LONGEST_URL = 2048


def card(*args, **changes):
    return Card.of(examples.issue(*args, **changes)[0])


def check(xml, tag):
    """Raise unless `xml` is within the protocol; return its addresses."""
    root = etree.fromstring(xml)
    assert root.tag == f"{{{NAMESPACE}}}{tag}"
    found = root.xpath("*/s:loc/text()", namespaces=NS)
    assert len(found) == len(root) == len(set(found)) <= MOST_URLS
    assert len(xml) <= MOST_BYTES
    assert all(address.startswith(URL) and len(address) < LONGEST_URL for address in found)
    return found


def test_a_day_has_all_its_pages():
    """Each issue's page with the time of its publication, superseded ones too."""
    cards = [card(), card(revision=2), card("load", "FR")]
    xml = pages.day_sitemap(Day(day="2025-11-28").having(cards), URL)
    assert set(check(xml, "urlset")) == {f"{URL}{c.path}/index.html" for c in cards}
    times = etree.fromstring(xml).xpath("//s:lastmod/text()", namespaces=NS)
    assert times.count("2025-11-27T19:00:00Z") == 2


def test_the_index_leads_to_the_days():
    """Each day's sitemap is named once, in whatever order the days come."""
    xml = pages.sitemap_index(["2025-11-29", "2025-11-28"], URL)
    assert check(xml, "sitemapindex") == [
        f"{URL}sitemaps/2025-11-28.xml",
        f"{URL}sitemaps/2025-11-29.xml",
    ]


def test_a_day_and_an_index_stay_within_the_limits(monkeypatch):
    """Of more than a file may hold, which is what the protocol says, the newest stay."""
    assert sitemap.MOST_URLS == MOST_URLS
    monkeypatch.setattr(sitemap, "MOST_URLS", 2)
    cards = [card("load", "FR"), card("load", "DE_LU"), card("load", "FR", revision=2)]
    newest = sorted(cards, key=lambda c: c.rank)[1:]
    found = check(pages.day_sitemap(Day(day="2025-11-28").having(cards), URL), "urlset")
    assert set(found) == {f"{URL}{c.path}/index.html" for c in newest}
    days = ["2025-11-30", "2025-11-28", "2025-11-29"]
    found = check(pages.sitemap_index(days, URL), "sitemapindex")
    assert [address[-14:-4] for address in found] == ["2025-11-29", "2025-11-30"]


def test_a_full_sitemap_is_small_enough():
    """As many entries as a file may have, with the longest paths, stay below the limit in bytes."""
    one = pages.day_sitemap(Day(day="2025-11-28").having([card()]), URL)
    longest_path = len("issues///2025/11-28///index.html") + 2 * 64 + 2 * 20
    assert (len(one) + longest_path) * MOST_URLS < MOST_BYTES


def test_robots_may_read_the_pages_and_find_the_sitemap():
    """Pages are open, the shards behind them are not, below whichever address the archive has."""
    for url in (URL, "https://example.org/letters/"):
        robots = RobotFileParser()
        robots.parse(pages.robots(url).decode().splitlines())
        assert robots.site_maps() == [f"{url}sitemap.xml"]
        for page in ("", "index.html", "zones/FR/index.html", f"{card().path}/index.html"):
            assert robots.can_fetch("anyone", f"{url}{page}")
        assert not robots.can_fetch("anyone", f"{url}index/all.json")

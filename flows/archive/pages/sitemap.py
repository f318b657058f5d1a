"""Sitemaps (protocol 0.9 of sitemaps.org) and robots.txt (RFC 9309)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from lxml import etree

from flows.archive import paths
from flows.archive.pages.xml import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.archive.index import Day

NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST_URLS: Final = 50_000


def day_sitemap(day: Day, url: str) -> bytes:
    """Return the pages of a day's issues as a sitemap; the newest where a file can't hold all."""
    root = _root("urlset")
    newest = sorted(day.cards, key=lambda card: card.rank, reverse=True)[:MOST_URLS]
    for card in sorted(newest, key=lambda card: card.path):
        _add(root, "url", f"{url}{card.path}/{paths.PAGE}", rfc3339(card.published))
    return _dump(root)


def sitemap_index(days: Iterable[str], url: str) -> bytes:
    """Return the index of the sitemaps of `days`; the latest where a file can't hold all."""
    root = _root("sitemapindex")
    for day in sorted(days)[-MOST_URLS:]:
        _add(root, "sitemap", f"{url}{paths.day_sitemap(day)}")
    return _dump(root)


def robots(url: str) -> bytes:
    """Return robots.txt: all pages may be read, the shards that they are made from need not be."""
    folder = urlsplit(url).path
    lines = ("User-agent: *", f"Disallow: {folder}index/", "", f"Sitemap: {url}{paths.SITEMAP}")
    return "\n".join((*lines, "")).encode()


def _root(tag: str) -> etree._Element:
    return etree.Element(f"{{{NAMESPACE}}}{tag}", nsmap={None: NAMESPACE})


def _add(root: etree._Element, tag: str, address: str, modified: str | None = None) -> None:
    entry = etree.SubElement(root, f"{{{NAMESPACE}}}{tag}")
    etree.SubElement(entry, f"{{{NAMESPACE}}}loc").text = address
    if modified is not None:
        etree.SubElement(entry, f"{{{NAMESPACE}}}lastmod").text = modified


def _dump(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)

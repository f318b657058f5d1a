"""The pages around the issues: pure functions from what there is to bytes, the same for the same.

frame      what all pages have: masthead, footer, policy, stylesheet, metadata
issue      the frame around an issue's article: neighbours, files, how to reproduce it
listing    the front page, and a page for each newsletter, zone and day
month      a month as a calendar
europe     the map; its shapes are made by scripts/make_map.py
feed       Atom
sitemap    sitemaps and robots.txt

Pages lead to each other by relative links, so that they work from a folder, a bucket and below any
address; only feeds, sitemaps and a page's metadata hold the archive's address, `url`, which ends
with a slash. No page has a script.
"""

from __future__ import annotations

from flows.archive.pages.feed import feed
from flows.archive.pages.issue import issue_page
from flows.archive.pages.listing import day_page, front_page, newsletter_page, zone_page
from flows.archive.pages.month import month_page
from flows.archive.pages.sitemap import day_sitemap, robots, sitemap_index

__all__ = [
    "day_page",
    "day_sitemap",
    "feed",
    "front_page",
    "issue_page",
    "month_page",
    "newsletter_page",
    "robots",
    "sitemap_index",
    "zone_page",
]

"""Makes pages of every kind from a handful of issues, and takes them apart."""

from __future__ import annotations

from lxml import html as lxml_html

import archive_examples as examples
from flows.archive import pages
from flows.archive.card import Card
from flows.archive.index import Around, Day, Month, Scope

URL = examples.URL
FOLDER = "file:///srv/some%20letters/"
ARTICLE = "<article class='column'><h1>The article</h1></article>"


def card(*args, **changes):
    """Return the card of an issue; see `archive_examples.issue`."""
    return Card.of(examples.issue(*args, **changes)[0])


CARDS = (
    card("wind_solar", "DE_LU", 0),
    card("wind_solar", "DE_LU", 0, 2),
    card("wind_solar", "FR", 1),
    card("load", "FR", 3, provisional=True),
    card("outage_alert", "FI", 0, figures=()),
)


def scope(kind="all", name="", cards=CARDS):
    """Return what is of a newsletter, a zone or all."""
    field = {"newsletter": lambda c: c.newsletter, "zone": lambda c: c.zone.code}.get(kind)
    return Scope.of(kind, name, [c for c in cards if field is None or field(c) == name])


def day():
    """Return the day of `CARDS` that has most."""
    return Day(day="2025-11-28").having(CARDS[:2] + CARDS[4:])


def month():
    """Return the month of most of `CARDS`."""
    return Month(month="2025-11").having(day()).having(Day(day="2025-11-29").having([CARDS[2]]))


def issue_page(issue=None, article=ARTICLE, url=URL, **around):
    """Return the page of an issue with what is around it."""
    issue = issue or examples.issue()[0]
    return pages.issue_page(issue, article, Around(**around), url)


def everything(url=URL):
    """Return a page of every kind, by where it stands."""
    issue = examples.issue("load", "FR", 2)[0]
    around = {
        "previous": CARDS[2],
        "next": CARDS[3],
        "supersedes": CARDS[0],
        "superseded_by": CARDS[1],
        "corrected_by": Card.of(examples.correction(issue)[0]),
    }
    return {
        "index.html": pages.front_page(scope(), url),
        "newsletters/wind_solar/index.html": pages.newsletter_page(
            scope("newsletter", "wind_solar"), url
        ),
        "zones/FR/index.html": pages.zone_page(scope("zone", "FR"), url),
        "months/2025-11/index.html": pages.month_page(month(), url),
        "days/2025-11-28/index.html": pages.day_page(day(), url),
        f"{issue.path}/index.html": issue_page(issue, url=url, **around),
    }


def parsed(page):
    """Return a page as a tree."""
    return lxml_html.document_fromstring(page)


def text(element):
    """Return the words of an element, evenly spaced."""
    return " ".join(element.text_content().split())


def links(page):
    """Return where a page leads and what it loads."""
    return [
        value
        for element, name, value, _ in parsed(page).iterlinks()
        if name in {"href", "src", "srcset", "action"} and element.get("rel") != "canonical"
    ]

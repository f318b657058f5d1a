from __future__ import annotations

import pytest

import archive_examples as examples
from flows.archive import pages, paths
from flows.archive.card import Card
from flows.archive.index import Scope
from flows.archive.pages.europe import europe
from flows.document import zone
from flows.issue import Zone
from page_examples import CARDS, URL, card, day, links, month, parsed, scope, text


def test_the_front_page_leads_to_each_issue():
    """A card has headline, newsletter, zone, time and chart in both schemes, and one link."""
    page = parsed(pages.front_page(scope(cards=CARDS[2:3]), URL))
    (tile,) = page.find_class("card")
    shown = CARDS[2]
    for words in (shown.headline, "Wind & solar forecast", "France", "Saturday 29 November 2025"):
        assert words in text(tile)
    assert tile.xpath(".//a/@href") == [f"./{shown.path}/index.html"]
    assert tile.xpath(".//img/@src") == [f"./{shown.path}/chart-1.png"]
    assert tile.xpath(".//source/@srcset") == [f"./{shown.path}/chart-1-dark.png"]


def test_what_is_superseded_has_no_card():
    """Neither front page nor day has a card of it; the day still leads to it, below."""
    old, new = CARDS[:2]
    for page in (pages.front_page(scope(), URL), pages.day_page(day(), URL)):
        shown = "".join(parsed(page).xpath("//*[contains(@class, 'card')]//a/@href"))
        assert new.path in shown
        assert old.path not in shown
    (section,) = parsed(pages.day_page(day(), URL)).xpath("//section[@aria-labelledby='replaced']")
    assert section.xpath(".//a/@href") == [f"../../{old.path}/index.html"]


def test_cards_are_marked():
    """Update, correction and provisional figures are named on the card."""
    corrected = Card.of(examples.correction(examples.issue("load", "FI", 0)[0])[0])
    page = parsed(pages.front_page(scope(cards=(*CARDS, corrected)), URL))
    badges = {
        tile.xpath("string(.//h3)"): [badge.text for badge in tile.find_class("badge")]
        for tile in page.find_class("card")
    }
    assert badges[CARDS[1].headline] == ["Update"]
    assert badges[CARDS[3].headline] == ["Provisional"]
    assert badges[corrected.headline] == ["Correction"]
    assert badges[CARDS[2].headline] == []


def test_a_card_without_a_chart_shows_its_figures():
    """Where there is no picture, the KPIs stand in its place."""
    page = parsed(pages.zone_page(scope("zone", "FI"), URL))
    (tile,) = page.find_class("card")
    assert not tile.findall(".//img")
    assert "41.2 GW" in text(tile)


def test_the_map_leads_to_the_zones_with_issues():
    """Zones with issues are links with the zone's name; the others are drawn, and are no links."""
    (europe,) = parsed(pages.front_page(scope(), URL)).find_class("europe")
    found = {a.get("aria-label"): a.get("href") for a in europe.findall(".//a")}
    assert found == {
        "Finland": "./zones/FI/index.html",
        "France": "./zones/FR/index.html",
        "Germany–Luxembourg": "./zones/DE_LU/index.html",
    }
    muted = europe.xpath("./g[@aria-hidden='true']/path/title/text()")
    assert "Spain: no issues yet" in muted
    assert not [title for title in muted if title.startswith("France")]


def test_the_map_has_the_zones_of_the_market():
    """All bidding zones that entsoe-py has shapes for, and their neighbours, have an outline."""
    codes = {shape.code for shape in europe({}).others}
    assert len(codes) == europe({}).size
    assert {"DE_LU", "FR", "NO_4", "SE_1", "IT_SARD", "GB", "IE_SEM", "UA", "MT", "RS"} <= codes
    for shape in europe({}).others:
        assert shape.outline.startswith("M")
        assert shape.name == zone(shape.code).name != shape.code


def test_a_zone_that_is_not_on_the_map_is_in_the_list():
    """An EIC that nobody knows has a page to which the front page leads, with no map of its own."""
    unknown = Zone.of(zone("10Y-UNKNOWN----1"))
    cards = (card(zone=unknown),)
    page = pages.front_page(scope(cards=cards), URL)
    where = f"zones/{paths.scope_folder('zone', unknown.code).split('/')[1]}/index.html"
    assert f"./{where}" in links(page)
    own = parsed(pages.zone_page(scope("zone", unknown.code, cards), URL))
    assert not own.find_class("europe")
    assert own.findtext(".//h1") == unknown.name


@pytest.mark.parametrize(
    ("page", "kind", "name"),
    [
        (pages.front_page, "all", ""),
        (pages.newsletter_page, "newsletter", "load"),
        (pages.zone_page, "zone", "FR"),
    ],
)
def test_an_empty_scope_has_a_page(page, kind, name):
    """Before the first issue the page is there and says so."""
    assert "No issue has been published yet" in page(Scope(kind=kind, name=name), URL).decode()


def test_the_front_page_is_bounded():
    """Sixty issues fill it, and the newsletters' pages have them all."""
    many = tuple(card("load", "FR", number) for number in range(60))
    counts = [
        len(set(parsed(page).xpath("//ol//a/@href[contains(., '/issues/')]")))
        for page in (
            pages.front_page(scope(cards=many), URL),
            pages.newsletter_page(scope("newsletter", "load", many), URL),
        )
    ]
    assert counts == [30, 60]


def test_a_month_is_a_calendar():
    """Each day has its number and, where it has issues, a link and counts by newsletter."""
    page = parsed(pages.month_page(month(), URL))
    (calendar,) = page.find_class("month")
    days = calendar.findall("li")
    assert "from-saturday" in calendar.get("class")
    assert len(days) == 30
    assert days[27].xpath(".//a/@href") == ["../../days/2025-11-28/index.html"]
    assert [text(li) for li in days[27].findall("ul/li")] == [
        "Outages 1",
        "Wind & solar forecast 2",
    ]
    assert text(days[27]).startswith("Friday 28 3 issues")
    assert text(days[28]).startswith("Saturday 29 1 issue ")
    assert text(days[0]) == "1 no issues"
    shades = [int(li.get("class").rpartition("-")[2]) for li in days[27:29]]
    assert shades == [4, 2]


def test_a_day_is_by_newsletter():
    """Each newsletter has a heading that leads to its page, and its cards below."""
    page = parsed(pages.day_page(day(), URL))
    assert page.findtext(".//h1") == "Friday 28 November 2025"
    headings = page.xpath("//h2/a")
    assert [text(a) for a in headings] == ["Outages", "Wind & solar forecast"]
    assert headings[0].get("href") == "../../newsletters/outage_alert/index.html"
    # What all have in common is not said again on each.
    assert "Friday" not in text(page.find_class("card")[0])

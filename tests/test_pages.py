from __future__ import annotations

import posixpath
from urllib.parse import urldefrag

import pytest

import archive_examples as examples
from flows.archive import pages
from flows.archive.card import Card
from flows.archive.index import Day, Month, Scope
from flows.issue import Zone
from page_examples import CARDS, FOLDER, URL, everything, issue_page, links, parsed


@pytest.mark.parametrize("path", everything())
def test_every_link_is_relative_and_leads_to_a_place_of_the_archive(path):
    """From where the page stands, each link leads to what the archive has, never above it."""
    there = {*everything(), "feed.xml", "search/index.html", "months/2025-12/index.html"}
    there |= {f"{kind}/feed.xml" for kind in ("newsletters/wind_solar", "zones/FR")}
    there |= {f"newsletters/{name}/index.html" for name in ("load", "outage_alert")}
    there |= {f"zones/{code}/index.html" for code in ("DE_LU", "FI")}
    there |= {f"days/2025-11-{number}/index.html" for number in (29, 30)}
    there |= {f"{c.path}/{name}" for c in CARDS for name in ("index.html", "chart-1.png")}
    there |= {f"{c.path}/chart-1-dark.png" for c in CARDS}
    issue = examples.issue("load", "FR", 2)[0]
    there |= {f"{issue.path}/{name}" for name in ("document.xml", "issue.json")}
    there.add(f"{examples.correction(issue)[0].path}/index.html")
    outside = {"https://github.com/EnergieID/entsoe-py"}
    found = [link for link in links(everything()[path]) if not link.startswith("data:")]
    assert found
    for link in set(found) - outside:
        assert not link.startswith("/")
        assert ":" not in link
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), urldefrag(link)[0]))
        assert (path if link.startswith("#") else target) in there, link


@pytest.mark.parametrize("path", everything())
def test_links_within_a_page_lead_to_something(path):
    """The skip link and the jumps have targets, and the front page has those of the masthead."""
    made = everything()
    for link in links(made[path]):
        target, _, fragment = link.partition("#")
        page = made["index.html"] if target.endswith("index.html") else made[path]
        if fragment:
            assert parsed(page).xpath("//*[@id=$id]", id=fragment), link


@pytest.mark.parametrize("path", everything())
def test_a_page_is_whole(path):
    """Each has a policy, a title, a description, landmarks, one h1 and no script."""
    page = parsed(everything()[path])
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; img-src 'self' data:; style-src-elem 'sha256-")
    assert "unsafe" not in policy
    assert "script" not in policy
    assert not page.xpath("//script | //*[@style] | //@onclick | //iframe | //object")
    assert page.findtext("head/title").strip()
    assert page.xpath("//meta[@name='description']/@content")[0]
    assert page.get("lang") == "en"
    for landmark in ("header", "main", "footer", "nav"):
        assert page.findall(f".//{landmark}"), landmark
    assert len(page.findall(".//h1")) == 1
    assert page.xpath("//a[@class='skip']/@href") == ["#main"]
    feeds = page.xpath("//link[@rel='alternate'][@type='application/atom+xml']/@href")
    assert feeds


@pytest.mark.parametrize("path", everything())
def test_the_same_is_the_same_bytes(path):
    """A page can be made anew without a difference."""
    assert everything()[path] == everything()[path]


@pytest.mark.parametrize("path", everything())
def test_metadata_for_other_sites_is_absolute(path):
    """Canonical address and social card name the page and a chart by the public address."""
    page = parsed(everything()[path])
    assert page.xpath("//link[@rel='canonical']/@href") == [f"{URL}{path}"]
    card_of = {m.get("property"): m.get("content") for m in page.xpath("//meta[@property]")}
    assert card_of["og:url"] == f"{URL}{path}"
    assert card_of["og:title"] == page.findtext("head/title")
    assert card_of["og:type"] == ("article" if path.startswith("issues/") else "website")
    (kind,) = page.xpath("//meta[@name='twitter:card']/@content")
    if path.startswith("months/"):
        assert kind == "summary"
    else:
        assert kind == "summary_large_image"
        assert card_of["og:image"].startswith(f"{URL}issues/")
        assert card_of["og:image"].endswith("/chart-1.png")
        assert card_of["og:image:alt"]


@pytest.mark.parametrize("path", everything(FOLDER))
def test_an_archive_in_a_folder_tells_no_one_where_it_is(path):
    """Without a public address there is no metadata that names one."""
    page = parsed(everything(FOLDER)[path])
    assert not page.xpath("//link[@rel='canonical'] | //meta[@property]")
    assert b"file:" not in everything(FOLDER)[path]


HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style></script><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>'",
    "{{7*7777777}}{% raw %}{#",
    "javascript:alert(1)",
    "../../../etc/passwd",
    "a\0b\x0bc\u202ed\ufffee",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_text(hostile):
    """Markup, template text and control characters in any name stay words, on every kind of page.

    No page gains an element, and no path leaves its folder.
    """
    place = Zone(eic=hostile, code=hostile, name=hostile, tz="Europe/Brussels")
    changes = {"headline": hostile, "lede": hostile, "title": hostile, "zone": place}
    figure = examples.issue()[0].figures[0].model_copy(update={"alt": hostile})
    bad = examples.issue(hostile, "FR", 0, figures=(figure,), **changes)[0]
    harmless = {**changes, "headline": "h", "lede": "l", "title": "t"}
    harmless["zone"] = Zone(eic="e", code="c", name="n", tz="Europe/Brussels")
    good = examples.issue("n", "FR", 0, **harmless)[0]

    def of(issue):
        own = Card.of(issue)
        of_day = Day(day=own.day.isoformat()).having([own])
        around = {"previous": own, "superseded_by": own, "corrected_by": own}
        return [
            pages.front_page(Scope.of("all", "", [own]), URL),
            pages.newsletter_page(Scope.of("newsletter", own.newsletter, [own]), URL),
            pages.zone_page(Scope.of("zone", own.zone.code, [own]), URL),
            pages.day_page(of_day, URL),
            pages.month_page(Month(month=own.month).having(of_day), URL),
            issue_page(issue, **around),
        ]

    for page, plain in zip(of(bad), of(good), strict=True):
        tags = [element.tag for element in parsed(page).iter()]
        assert tags == [element.tag for element in parsed(plain).iter()]
        decoded = page.decode()
        assert "54444439" not in decoded
        assert not {c for c in decoded if c in "\0\x0b\u202e\ufffe"}
        for link in links(page):
            assert not link.lower().startswith("javascript")
            assert "etc/passwd" not in link

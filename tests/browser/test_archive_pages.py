"""The archive in a real headless Chromium, from a web server: it holds, in every size and scheme.

No error, no request to another origin, nothing cut off, no script, no finding of axe-core.
"""

from __future__ import annotations

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import feedparser
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import chromium
import issue_examples as examples
from flows import document as documents
from flows.archive import Archive, open_store
from waiting import until

pytest_plugins = ("chromium",)
pytestmark = chromium.NEEDED
# Below a prefix: no link may begin at the server's root.
PREFIX = "some/letters"
HOSTILE = "</title><script>document.title='owned'</script><img src=x onerror=alert(1)>{{7}}"
# Where a page of each kind is: index and search pages, and patterns of the issues' own.
KINDS = {
    "front": "index.html",
    "newsletter": "newsletters/wind_solar/index.html",
    "zone": "zones/FR/index.html",
    "month": "months/2025-10/index.html",
    "day": "days/2025-10-26/index.html",
    "issue": "issues/wind_solar/FR/*/*/*/index.html",
    "superseded": "issues/wind_solar/DE_LU/*/*/*/index.html",
    "hostile": "issues/hostile/*/*/*/*/index.html",
}


class Handler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_):
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An archive with full issues, an update, and one with hostile text everywhere."""
    root = tmp_path_factory.mktemp("server")
    store = open_store(str(root / PREFIX))
    archive = Archive(store, "https://letters.example.org/")

    def publish(made=None, letter=None, **options):
        issue, rendering = examples.render_notebook(
            made or examples.full(), letter=letter, **options
        )
        archive.commit(issue, rendering.files)
        archive.settle(issue)
        return issue

    first = publish()
    publish(doc=examples.document(revision=2), superseded=first)
    publish(doc=examples.document(zone=documents.zone("FR")))
    bad = examples.notebook(
        examples.headline(text=HOSTILE, lede=HOSTILE),
        examples.shown(examples.figure(alt=HOSTILE, caption=HOSTILE)),
        examples.shown(examples.table(cell=HOSTILE, caption=HOSTILE)),
        f"# {HOSTILE}\n\n[x](javascript:document.title='owned')",
        examples.cell(examples.display({"text/html": f"<img src=x onerror=alert(2)>{HOSTILE}"})),
    )
    place = documents.Zone(eic=HOSTILE, code=HOSTILE, name=HOSTILE, tz="Europe/Brussels")
    publish(
        bad,
        examples.newsletter(name="hostile", title=HOSTILE),
        doc=examples.document(zone=place, mrid=HOSTILE),
    )
    return root / PREFIX


@pytest.fixture(scope="module")
def address(folder):
    """The archive's address on loopback, with a slash at its end."""
    root = folder.parents[PREFIX.count("/")]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{PREFIX}/"
    server.shutdown()
    thread.join()
    server.server_close()


def find(folder, kind):
    """Return where the page of a kind stands in the archive; of several, that of revision 1."""
    (found,) = (
        path
        for path in folder.glob(KINDS[kind])
        if not (record := path.with_name("issue.json")).exists()
        or json.loads(record.read_text("utf-8"))["revision"] == 1
    )
    return found.relative_to(folder).as_posix()


def readable(folder):
    """Return where all pages and mails stand, but for search, which has tests of its own."""
    found = (path.relative_to(folder) for path in folder.rglob("*.html"))
    names = {"index.html", "email.html"}
    return sorted(p.as_posix() for p in found if p.name in names and p.parts[0] != "search")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1280, "light")])
def test_every_page_holds(folder, address, browser, width, scheme):
    """Each page and mail has its images, no overflow, no message, no script, no foreign request."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: (messages.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    for path in readable(folder):
        # A mail names no icon, and browsers ask web servers for one.
        is_mail = path.endswith("email.html")
        page.goto((folder / path).as_uri() if is_mail else f"{address}{path}")
        page.evaluate(
            "Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode() }))"
        )
        content, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert content <= window, path
        assert page.title() != "owned"
        assert page.locator("script").count() == 0
        assert messages == [], path
    assert requests
    own = (address, folder.as_uri(), "data:")
    assert all(url.startswith(own) for url in requests), requests
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(folder, address, browser, kind, width, scheme):
    """axe-core, which knows WCAG 2.2 A and AA, has no serious or critical finding on any kind."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{address}{find(folder, kind)}")
    result = Axe().run(page).response
    assert {"color-contrast", "document-title"} <= {rule["id"] for rule in result["passes"]}
    serious = [
        (rule["id"], node["html"], node["failureSummary"])
        for rule in result["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
    assert serious == []
    page.close()


def test_the_front_page_leads_to_the_issue(address, browser):
    """The first card is a click away from its page, which has the same headline."""
    page = browser.new_page()
    page.goto(f"{address}index.html")
    link = page.locator(".card h3 a").last
    headline = link.text_content()
    link.click()
    expect(page.locator("article h1")).to_have_text(headline)
    page.close()


def test_the_map_leads_to_a_zone_by_keyboard(address, browser):
    """Tab reaches each zone with issues, shows its name, and Enter opens its page."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{address}index.html")
    zones = page.locator(".europe a")
    expect(zones).to_have_count(2)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "France":
            break
    expect(page.get_by_role("link", name="France", exact=True).first).to_be_focused()
    expect(page.locator(".europe a:focus text")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/zones/FR/index.html")
    expect(page.locator("h1")).to_have_text("France")
    page.close()


def test_the_skip_link_is_first_and_seen(address, browser):
    """The first stop of the keyboard leads past the masthead and is visible there."""
    page = browser.new_page()
    page.goto(f"{address}index.html")
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.close()


@pytest.mark.parametrize("kind", ["front", "issue"])
def test_dark_pages_show_dark_charts(folder, address, browser, kind):
    """A dark page has a dark ground and the drawings for it, a light page the other ones."""
    shown = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 1280, "height": 800})
        page.goto(f"{address}{find(folder, kind)}")
        chart = page.evaluate("document.images[0].currentSrc").rpartition("/")[2]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shown[scheme] = chart, ground
        page.close()
    assert shown == {
        "light": ("chart-1.png", "rgb(255, 255, 255)"),
        "dark": ("chart-1-dark.png", "rgb(20, 24, 29)"),
    }


def test_print_leaves_out_what_paper_can_not_use(folder, address, browser):
    """On paper: the article, light, without navigation, downloads and neighbours."""
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{address}{find(folder, 'issue')}")
    page.emulate_media(media="print")
    for gone in (".masthead nav", ".crumbs", ".files"):
        expect(page.locator(gone)).to_be_hidden()
    expect(page.locator("article h1")).to_be_visible()
    expect(page.locator(".printed")).to_be_visible()
    # The other ground's picture is fetched, and until then there is none.
    until(
        lambda: page.evaluate("document.images[0].currentSrc").endswith("/chart-1.png"),
        10,
        "the picture for a light ground",
    )
    page.close()


@pytest.mark.parametrize("kind", ["front", "newsletter", "zone", "issue"])
def test_feeds_are_discovered(folder, address, browser, kind):
    """Each page names feeds that are there, well-formed and of the right kind."""
    page = browser.new_page()
    page.goto(f"{address}{find(folder, kind)}")
    feeds = page.evaluate(
        "[...document.querySelectorAll('link[rel=alternate][type=\"application/atom+xml\"]')]"
        ".map(link => link.href)"
    )
    assert f"{address}feed.xml" in feeds
    assert len(feeds) == (2 if kind in {"newsletter", "zone"} else 1)
    for feed in feeds:
        read = feedparser.parse((folder / feed.removeprefix(address)).read_bytes())
        assert not read.bozo
        assert read.entries
    page.close()


def test_a_superseded_issue_leads_to_what_replaced_it(folder, address, browser):
    """Its page says so at the top; the update's page leads back."""
    page = browser.new_page()
    page.goto(f"{address}{find(folder, 'superseded')}")
    old = page.url
    page.get_by_role("link", name="Revision 2", exact=True).click()
    expect(page.locator(".change")).to_contain_text("Update: revision 2")
    page.locator(".change a").click()
    page.wait_for_url(old)
    page.close()


def test_the_search_box_leads_to_search_with_its_words(address, browser):
    """The form of the front page may be sent by its policy, and carries the words along."""
    page = browser.new_page()
    page.goto(f"{address}index.html")
    page.get_by_role("searchbox").fill("solar & wind")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/index.html?q=solar+%26+wind")
    page.close()


def test_pages_work_from_a_folder(folder, browser):
    """Opened from disk, the links of the front page and its charts work too."""
    page = browser.new_page()
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto((folder / "index.html").as_uri())
    assert page.evaluate("document.images[0].naturalWidth")
    page.locator(".europe a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/zones/*/index.html")
    page.get_by_role("link", name="Gridletter").first.click()
    page.wait_for_url("**/index.html")
    assert messages == []
    assert Path(page.url.removeprefix("file://")) == folder / "index.html"
    page.close()


def test_hostile_text_runs_no_script(folder, address, browser):
    """In the DOM of pages that name it, hostile text is text: no element came of it."""
    page = browser.new_page()
    found = 0
    for path in readable(folder):
        page.goto(f"{address}{path}")
        found += HOSTILE in page.locator("body").text_content()
        assert page.title() != "owned"
        assert page.locator("script, img[src=x]").count() == 0, path
        assert not page.evaluate(
            "[...document.querySelectorAll('*')].some(e => [...e.attributes].some(a => "
            "a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)))"
        ), path
    assert found >= 6
    page.close()

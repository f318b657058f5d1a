"""The search page in a real headless Chromium: it finds, says what it does, asks nobody else."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import chromium
from flows.archive import open_store, paths
from flows.archive.index import Scope
from flows.archive.search_page import PAGE
from search_examples import Filled, card

pytest_plugins = ("chromium",)
pytestmark = chromium.NEEDED
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"></mark><script>document.title='owned'</script>"
)
FIRST = datetime(2026, 11, 27, 23, tzinfo=UTC)
# Below a prefix: no link may begin at the server's root.
PREFIX = "some/letters"


class Handler(SimpleHTTPRequestHandler):
    """Serves the folder, but for what is in `failing`."""

    failing: frozenset[str] = frozenset()

    def do_GET(self):
        """Answer a request."""
        if any(part in self.path for part in self.failing):
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *_):
        """Say nothing of each request."""


def filled(folder, days):
    """An archive of so many days from 28 November on, of two newsletters about two zones."""
    archive = Filled(open_store(str(folder / PREFIX)))
    archive.publish(
        [
            card(n, start=FIRST + timedelta(days=n), newsletter=newsletter, zone=zone)
            for n in range(days)
            for newsletter in ("wind_solar", "load")
            for zone in ("DE_LU", "FR")
        ]
    )
    for each in archive.shards.get(Scope, paths.scope_shard("all", "")).latest:
        archive.store.put(f"{each.path}/index.html", b"<!DOCTYPE html><title>An issue</title>")
    return archive


@contextmanager
def serving(folder):
    """Serve the folder; yield the search page's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{PREFIX}/{PAGE}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive that most tests only read, and its folder."""
    folder = tmp_path_factory.mktemp("archive")
    return filled(folder, days=23), folder


@pytest.fixture(scope="module")
def address(archive):
    """The address of that archive's search page."""
    with serving(archive[1]) as address:
        yield address


@pytest.fixture
def page(browser):
    """A page of 1100 px; its `messages` and `requests` are what it said and asked for."""
    with watched(browser) as page:
        yield page


@contextmanager
def watched(browser, width=1100, scheme="light", **options):
    """Open a page that must keep quiet and to its own origin."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, **options
    )
    page = context.new_page()
    page.messages, page.requests = [], []
    page.on("console", lambda message: page.messages.append(message.text))
    page.on("pageerror", lambda error: page.messages.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    yield page
    context.close()


def rows(page):
    """Return the results as they stand: period, headline, newsletter and place."""
    return [
        tuple(item.locator(part).text_content() for part in ("time", "a", ".of"))
        for item in page.locator("#results > li").all()
    ]


def wait(page, status):
    """Wait until the status line says `status`."""
    expect(page.locator("#status")).to_have_text(status)


def test_words_and_filters_find_the_right_issues(page, address):
    """Words, newsletter, zone and year together find what has them all, newest first."""
    page.goto(address)
    page.get_by_label("Words in").fill("solar")
    page.get_by_role("button", name="Search", exact=True).click()
    wait(page, "20 issues found so far, newest first.")
    page.get_by_label("Newsletter").select_option("Load")
    page.get_by_label("Zone").select_option("France")
    wait(page, "20 issues found so far, newest first.")
    page.get_by_label("Year").select_option("2026")
    page.get_by_role("button", name="Show more").click()
    wait(page, "23 issues found, newest first.")
    found = rows(page)
    assert found[0] == ("Sunday 20 December 2026", "Solar peaks at 22 MW", "Load · France")
    assert [headline for _, headline, _ in found] == [
        f"Solar peaks at {n} MW" for n in range(22, -1, -1)
    ]
    assert {of for _, _, of in found} == {"Load · France"}
    assert page.messages == []
    origin = address.removesuffix(f"{PREFIX}/{PAGE}")
    assert all(url.startswith(origin) for url in page.requests)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=22", 4),
        ("q=luxembourg&newsletter=load&year=2026", 23),
        ("q=%22windy+night%22&zone=FR", 46),
        ("q=DE_LU", 46),
        ("newsletter=wind_solar&zone=DE_LU", 23),
        ("q=peaking+nights", 92),
        ("q=Peaks+at+22+MW", 4),
        # No issue has a word like it; the article, with which it begins, is in all of them.
        ("q=austria", 0),
        ("q=Wind+%26+solar+forecast", 46),
        ("q=day-ahead", 0),
        ("q=nosuchword", 0),
    ],
)
def test_an_address_is_a_search(page, address, query, count):
    """A search can be linked to: all that its words and filters find is found, and no more."""
    page.goto(f"{address}?{query}")
    more = page.get_by_role("button", name="Show more")
    status = page.locator("#status")
    expect(status).to_have_text(
        "No issue found. Fewer or shorter words find more."
        if count == 0
        else f"{min(count, 20)} issues found{' so far' if count >= 20 else ''}, newest first."
    )
    while count > 20 and more.is_visible():
        shown = page.locator("#results > li").count()
        more.click()
        expect(page.locator("#results > li")).not_to_have_count(shown)
    assert len(rows(page)) == count
    assert page.messages == []


def test_back_and_forward(page, address):
    """Each search has its place in the history, with words, filters and results."""
    page.goto(address)
    page.get_by_label("Words in").fill("22")
    page.get_by_label("Words in").press("Enter")
    wait(page, "4 issues found, newest first.")
    page.get_by_label("Zone").select_option("France")
    wait(page, "2 issues found, newest first.")
    assert page.url == f"{address}?q=22&zone=FR"
    page.go_back()
    wait(page, "4 issues found, newest first.")
    assert page.get_by_label("Zone").input_value() == ""
    page.go_forward()
    wait(page, "2 issues found, newest first.")
    page.reload()
    wait(page, "2 issues found, newest first.")
    assert page.get_by_label("Words in").input_value() == "22"


def test_by_keyboard_alone(page, address):
    """Search, more results and an issue are reached without a mouse; focus goes where it helps."""
    page.goto(address)
    page.get_by_label("Words in").focus()
    page.keyboard.type("solar")
    page.keyboard.press("Enter")
    wait(page, "20 issues found so far, newest first.")
    page.get_by_role("button", name="Show more").focus()
    page.keyboard.press("Enter")
    wait(page, "40 issues found so far, newest first.")
    link = page.locator("#results > li").nth(20).locator("a")
    expect(link).to_be_focused()
    target = link.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url("**/issues/**")
    assert page.url.endswith(target.removeprefix("../"))
    assert page.title() == "An issue"


def test_results_are_announced(page, address):
    """The line that says how much was found is a live region; the list has a name."""
    page.goto(f"{address}?q=22")
    expect(page.get_by_role("status")).to_have_text("4 issues found, newest first.")
    expect(page.get_by_role("list", name="Issues found, newest first")).to_be_visible()
    expect(page.get_by_role("search")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_it_can_be_read(browser, address, width, scheme):
    """At 360 and 1100 px, light and dark: nothing is cut off, and axe-core finds no fault."""
    with watched(browser, width, scheme) as page:
        page.goto(f"{address}?q=windy")
        wait(page, "20 issues found so far, newest first.")
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["impact"]) for each in found] == []


def test_text_stays_text(browser, tmp_path):
    """Markup in a headline, a lede or a title is words in results; nothing of it runs."""
    archive = filled(tmp_path, days=1)
    title = {"title": HOSTILE}
    archive.publish([card(300, headline=HOSTILE, lede=f"{HOSTILE} & overdone", **title)])
    with serving(tmp_path) as address, watched(browser) as page:
        page.goto(f"{address}?q=overdone")
        wait(page, "1 issue found, newest first.")
        ((_, headline, of),) = rows(page)
        assert headline == HOSTILE
        assert of == f"{HOSTILE} · Germany–Luxembourg"
        assert HOSTILE in page.locator("#results p").text_content()
        assert page.locator("#results mark").text_content() == "overdone."
        assert page.title() == "Search · Gridletter"
        assert page.locator("#results img, #results script").count() == 0
        assert page.messages == []


def test_what_is_published_meanwhile_is_found(browser, tmp_path):
    """A page that stays open finds new issues, though the bundles that it read are gone."""
    archive = filled(tmp_path, days=6)
    with serving(tmp_path) as address, watched(browser) as page:
        page.goto(f"{address}?q=5")
        wait(page, "4 issues found, newest first.")
        page.get_by_label("Words in").fill("solar")
        page.get_by_label("Words in").press("Enter")
        wait(page, "20 issues found so far, newest first.")
        new = card(500, start=FIRST + timedelta(days=1, hours=1), headline="Solar peaks at 5 GW")
        months = list((tmp_path / PREFIX / PAGE).parent.glob("months/*.json"))
        written = [each.stat().st_mtime for each in months]
        archive.publish([new])
        # As within one second, which is as exact as this server tells versions apart.
        for each, seconds in zip(months, written, strict=True):
            os.utime(each, (seconds, seconds))
        page.get_by_role("button", name="Show more").click()
        # It asks for bundles that are gone, and so learns that there are new ones.
        expect(page.locator("#results > li")).not_to_have_count(20)
        page.get_by_label("Words in").fill("5")
        page.get_by_label("Words in").press("Enter")
        wait(page, "5 issues found, newest first.")
        assert rows(page)[-1][1] == "Solar peaks at 5 GW"
        assert page.messages == []


def test_an_archive_that_can_not_be_read_is_said(browser, archive, address, monkeypatch):
    """Where the server fails, the page says so, and searches again when asked again."""
    with watched(browser) as page:
        monkeypatch.setattr(Handler, "failing", frozenset({"/months/"}))
        page.goto(f"{address}?q=22")
        expect(page.locator("#status")).to_contain_text("The search can’t be done just now:")
        expect(page.locator("#status")).to_contain_text("503")
        monkeypatch.setattr(Handler, "failing", frozenset())
        page.get_by_role("button", name="Search", exact=True).click()
        wait(page, "4 issues found, newest first.")


def test_from_a_file(browser, archive):
    """Opened from a folder the page says what to do instead, leads on, and keeps quiet."""
    with watched(browser) as page:
        page.goto((archive[1] / PREFIX / PAGE).as_uri())
        expect(page.locator("#from-file")).to_contain_text("Run gridletter serve")
        assert page.locator("#from-file a").count() == 3
        expect(page.locator("#search")).to_be_hidden()
        assert page.messages == []


def test_without_javascript(browser, address):
    """Without JavaScript the page says so and leads to the lists."""
    with watched(browser, java_script_enabled=False) as page:
        page.goto(address)
        assert "This page needs JavaScript" in page.locator("noscript").inner_text()
        assert page.messages == []


def test_nothing_runs_but_its_own(page, address):
    """The policy lets in neither inline scripts nor requests elsewhere."""
    page.goto(address)
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert "default-src 'none'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    page.evaluate(
        "() => { const s = document.createElement('script');"
        " s.textContent = \"document.title = 'owned'\"; document.body.append(s); }"
    )
    refused = page.evaluate(
        "() => fetch('https://elsewhere.example/').then(() => false, () => true)"
    )
    assert refused
    assert page.title() == "Search · Gridletter"
    assert len(page.messages) >= 2

"""Pages and mails in a real headless Chromium: no error, no other origin, nothing cut off."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

import issue_examples as examples
from flows.archive import Archive, Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# On CI a missing browser is a failure of the set-up, not a reason to pass.
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="Chromium is not installed"
)
HOSTILE = "</title><script>document.title='owned'</script>{{7*7}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An archive with a full issue, its update, and one with hostile text everywhere."""
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(Store(folder), folder.as_uri() + "/")
    doc = examples.document()
    first, rendering = examples.render_notebook(examples.full(), doc=doc)
    archive.commit(first, rendering.files)
    update = examples.document(revision=2)
    second, rendering = examples.render_notebook(examples.full(), doc=update, superseded=first)
    archive.commit(second, rendering.files)
    bad = examples.notebook(
        examples.headline(text=HOSTILE, lede=HOSTILE),
        examples.shown(examples.figure(alt=HOSTILE, caption=HOSTILE)),
        examples.shown(examples.table(cell=HOSTILE, caption=HOSTILE)),
        f"# {HOSTILE}\n\n[x](javascript:document.title='owned')",
        examples.cell(examples.display({"text/html": f"<img src=x onerror=alert(1)>{HOSTILE}"})),
    )
    third, rendering = examples.render_notebook(bad, doc=examples.document(revision=3))
    archive.commit(third, rendering.files)
    archive.refresh()
    return folder


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, headless."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_every_page_holds(folder, browser, scheme, width):
    """At 360 and 1100 px, light and dark: no console message, no foreign request, no overflow."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in sorted(folder.rglob("*.html")):
        page = context.new_page()
        messages, requests = [], []
        page.on("console", lambda message, seen=messages: seen.append(message.text))
        page.on("pageerror", lambda error, seen=messages: seen.append(str(error)))
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.goto(path.as_uri())
        assert messages == [], path
        assert all(url.startswith(folder.as_uri()) for url in requests), requests
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], path
        assert page.title() != "owned"
        assert page.locator("script").count() == 0
        images = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        assert all(images), path
        page.close()
    context.close()


def test_the_dark_page_shows_the_dark_chart(folder, browser):
    """A dark page shows the drawing for a dark ground, a light page the other one."""
    issue = next(path for path in sorted(folder.rglob("index.html")) if path.parent != folder)
    shown = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(issue.as_uri())
        shown[scheme] = page.evaluate("document.images[0].currentSrc").rpartition("/")[2]
        page.close()
    assert shown == {"light": "chart-1.png", "dark": "chart-1-dark.png"}

"""An analyst's first newsletter, in a real JupyterLab in a real headless Chromium."""

from __future__ import annotations

import email
import email.policy
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

import chromium
from cells import NOTEBOOKS
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from flows.preview import frames
from flows.preview.draft import READER
from waiting import free_port, until

pytest_plugins = ("chromium",)
pytestmark = chromium.NEEDED
BIN = Path(sys.executable).parent
WAIT_MS = 120_000
# All cells are in the page, seen or not; and nobody is asked for news.
SETTINGS = {
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
}


@pytest.fixture
def repository(tmp_path, monkeypatch, home):
    """A repository with the bundled notebooks, and a home with one subscriber."""
    folder = tmp_path / "repository"
    shutil.copytree(
        NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    shutil.copy(NOTEBOOKS.parent / ".gitignore", folder)
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder / "notebooks"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@reader.example"]
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    # As `make lab` does: what a notebook shows stays out of git.
    subprocess.run([BIN / "nbstripout", "--install"], cwd=folder, check=True)
    for command in (["add", "."], ["commit", "--quiet", "-m", "Bundled"]):
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    home.mkdir()
    reader = Subscriber(READER.name, READER.email, newsletters=("first_prices",))
    open_directory(f"sqlite:///{home / 'ledger.db'}").add([reader])
    return folder


@contextmanager
def jupyterlab(notebooks, folder):
    """Serve JupyterLab on loopback as `make lab` does; yield its address."""
    (folder / "settings").mkdir(parents=True)
    (folder / "settings" / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    port = free_port()
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [
                *(BIN / "jupyter", "lab", notebooks, "--no-browser", "--allow-root"),
                *(f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token=token"),
                *(f"--LabApp.app_settings_dir={folder / 'settings'}", "--LabApp.news_url="),
            ],
            env={**os.environ, **{place: str(folder / place) for place in places}},
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            until(lambda: answers(f"{address}/api"), 120, "JupyterLab")
            yield address
        finally:
            process.terminate()
            process.wait(30)


def answers(address):
    """Return whether something answers at the address."""
    try:
        with urlopen(address, timeout=1):  # noqa: S310 - loopback
            return True
    except (URLError, TimeoutError):
        return False


@pytest.fixture
def lab(browser, repository, tmp_path):
    """A page of Chromium, and what opens a notebook in it."""
    with jupyterlab(repository / "notebooks", tmp_path / "jupyter") as address:
        page = browser.new_page(viewport={"width": 1300, "height": 1400})
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)

        def opened(name):
            # A workspace of its own: no other notebook is open in it.
            page.goto(f"{address}/lab/workspaces/{name[:4]}/tree/{name}?token=token")
            page.get_by_role("button", name="| Idle").wait_for()
            return page

        try:
            yield opened
        finally:
            expect.set_options(timeout=5_000)
            page.close()


def run_all(page):
    """Choose Run All Cells in the menu."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def gridletter(*arguments):
    """Run the command as in a terminal; return what it printed."""
    done = subprocess.run(
        [BIN / "gridletter", *arguments], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(600)  # a minute and a half on two cores that do nothing else
def test_an_analyst_s_first_newsletter(repository, lab, home):
    """Open a bundled notebook, see its preview; begin one, edit, preview, check and publish it.

    The mail that was seen is the mail that came, the page is in the archive, and nothing in the
    repository has changed but for the new notebook.
    """
    page = lab("load.ipynb")
    run_all(page)
    mail = page.locator("iframe[title='Mail, 640 px, light']")
    expect(mail.content_frame.locator("h1")).to_contain_text("Load peaked at")
    page.get_by_text("Page", exact=True).last.click()
    article = page.locator("iframe[title='Page']").content_frame
    expect(article.locator("h1").last).to_contain_text("Load peaked at")
    expect(article.locator("article img").first).to_have_js_property("complete", value=True)
    assert article.locator("article img").first.evaluate("image => image.naturalWidth") > 0

    (path,) = gridletter(
        "new", "first_prices", "--document-type", "A44", "--title", "First prices"
    ).split()
    page = lab("first_prices.ipynb")
    cell = page.locator(".jp-CodeCell", has_text="desk.headline(")
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('desk.headline("Prices as I see them", lede="My own words.")')
    run_all(page)
    seen = page.locator("iframe[title='Mail, 640 px, light']")
    expect(seen.content_frame.locator("h1")).to_have_text("Prices as I see them")
    shown = seen.get_attribute("srcdoc")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    until(lambda: "as I see them" in Path(path).read_text("utf-8"), 30, "the saved notebook")

    gridletter("check", path)
    sample = repository / "notebooks" / "samples" / "day_ahead_prices_DE_LU.xml"
    outcomes = [json.loads(line) for line in gridletter("publish", "--json", sample).splitlines()]
    (outcome,) = [each for each in outcomes if each["newsletter"] == "first_prices"]
    archived = Path(outcome["page"].removeprefix("file://"))
    assert "Prices as I see them" in archived.read_text("utf-8")
    assert "Prices as I see them" in (home / "archive" / "index.html").read_text("utf-8")
    (sent,) = (home / "outbox").glob("*.eml")
    message = email.message_from_bytes(sent.read_bytes(), policy=email.policy.default)
    assert message["Subject"] == "Prices as I see them · Germany–Luxembourg"
    # A browser's attributes have the line ends of HTML, not those of mail.
    came = frames.mail_html(sent.read_bytes()).replace("\r\n", "\n")
    assert frames.in_scheme(came, "light") == shown
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert status.stdout.split() == ["??", "notebooks/first_prices.ipynb"]

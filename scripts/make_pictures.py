"""Make images/ anew from the running project: a mail, a page, the flow in Prefect's own pages.

Publishes the sample events into a temporary home, then photographs what came of them in headless
Chromium. Needs Debian's chromium, or another one that CHROMIUM names.
"""

from __future__ import annotations

import email
import email.policy
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "images"
SHOWN = "wind_solar"
PORT = 4297


def main() -> None:
    """Publish, photograph, write."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = {**os.environ, "GRIDLETTER_HOME": str(home), "DO_NOT_TRACK": "1"}
        gridletter = Path(sys.executable).with_name("gridletter")
        subprocess.run([gridletter, "demo"], env=environment, check=True)  # noqa: S603 - our own command
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
                args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
            )
            _photograph_mail(browser, home, Path(folder))
            _photograph_pages(browser, home)
            with _prefect_server(home, environment) as address:
                _photograph_flow(browser, address)
            browser.close()


def _photograph_mail(browser: Browser, home: Path, folder: Path) -> None:
    """Show the mail as a mail program does: its HTML, with the related images in place."""
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in sorted((home / "outbox").glob("*.eml"))
    ]
    list_name = SHOWN.replace("_", "-")
    shown = [mail for mail in mails if f"<{list_name}." in mail["List-Id"]]
    message = max(shown, key=lambda mail: mail["Date"].datetime)
    body = message.get_body(("html",))
    if body is None:
        sys.exit("the mail has no HTML")
    html = body.get_content()
    for number, part in enumerate(message.walk()):
        if part["Content-ID"]:
            image = folder / f"{number}.png"
            image.write_bytes(part.get_content())
            html = html.replace(f"cid:{part['Content-ID'].strip('<>')}", image.as_uri())
    rendered = folder / "mail.html"
    rendered.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 720, "height": 1140}, device_scale_factor=1.5)
    page.goto(rendered.as_uri())
    page.screenshot(path=IMAGES / "mail.png")


def _photograph_pages(browser: Browser, home: Path) -> None:
    issue = max((home / "archive" / "issues" / SHOWN).rglob("index.html"))
    for name, path in (("page", issue), ("archive", home / "archive" / "index.html")):
        page = browser.new_page(viewport={"width": 1100, "height": 1400}, device_scale_factor=1.5)
        page.goto(path.as_uri())
        page.screenshot(path=IMAGES / f"{name}.png")


@contextmanager
def _prefect_server(home: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the runs that the demonstration recorded, on loopback."""
    database = f"sqlite+aiosqlite:///{home / 'prefect.db'}"
    address = f"http://127.0.0.1:{PORT}"
    server = subprocess.Popen(  # noqa: S603 - Prefect's own command
        [Path(sys.executable).with_name("prefect"), "server", "start", "--port", str(PORT)],
        env={
            **environment,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_API_URL": f"{address}/api",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            try:
                urlopen(f"{address}/api/health", timeout=1).read()  # noqa: S310 - our own address
                break
            except URLError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait()


def _photograph_flow(browser: Browser, address: str) -> None:
    """Open the newest run of the publish flow, with its graph of subflows and tasks."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1.5)
    runs = page.request.post(
        f"{address}/api/flow_runs/filter",
        data={"flows": {"name": {"any_": ["publish-issue"]}}, "sort": "START_TIME_DESC"},
    ).json()
    run = next(run for run in runs if run["name"].startswith(SHOWN))
    page.goto(f"{address}/runs/flow-run/{run['id']}")
    page.wait_for_timeout(6_000)
    page.screenshot(path=IMAGES / "flow.png")


if __name__ == "__main__":
    main()

"""Make images/ anew from the running project: a mail, the archive, the flow in Prefect's pages.

Publishes the sample events into a temporary home, and the same under the names of other zones, as
if it were all of Europe's; then photographs what came of them in headless Chromium. Needs Debian's
chromium, or another one that CHROMIUM names.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from lxml import etree
from playwright.sync_api import sync_playwright

from flows.document import zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "images"
SAMPLES = ROOT / "notebooks" / "samples"
SHOWN = "wind_solar"
PORT = 4297
# Zones by Europe's clock: days are whole days there too. Figures are the samples', times a factor.
ELSEWHERE = {
    "FR": ("load_DE_LU_forecast", 1.1),
    "ES": ("wind_solar_DE_LU", 0.7),
    "NL": ("day_ahead_prices_DE_LU", 0.9),
    "PL": ("generation_mix_DE_LU", 0.35),
    "IT_NORD": ("load_DE_LU_actual", 0.45),
    "AT": ("wind_solar_DE_LU_intraday", 0.16),
    "SE_3": ("day_ahead_prices_DE_LU", 0.4),
    "DK_1": ("wind_solar_DE_LU", 0.12),
    "CZ": ("generation_mix_DE_LU", 0.15),
    "NO_2": ("day_ahead_prices_DE_LU", 0.6),
    "CH": ("load_DE_LU_forecast", 0.14),
    "HU": ("wind_solar_DE_LU", 0.1),
    "BE": ("load_DE_LU_forecast", 0.2),
    "SE_4": ("load_DE_LU_forecast", 0.06),
}


def main() -> None:
    """Publish, photograph, write."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = {**os.environ, "GRIDLETTER_HOME": str(home), "DO_NOT_TRACK": "1"}
        gridletter = Path(sys.executable).with_name("gridletter")
        documents = Path(folder) / "documents"
        _write_documents(documents)
        for command in (["demo"], ["backfill", documents]):
            subprocess.run([gridletter, *command], env=environment, check=True)  # noqa: S603 - our own
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
                args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
            )
            _photograph_mail(browser, home, Path(folder))
            _photograph_pages(browser, home)
            _photograph_charts(browser, home)
            with _preview(environment) as address:
                _photograph_preview(browser, address)
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


def _write_documents(folder: Path) -> None:
    """Write the samples as documents about other zones, each created a minute after the other."""
    folder.mkdir()
    for minutes, (code, (sample, factor)) in enumerate(ELSEWHERE.items()):
        tree = etree.parse(SAMPLES / f"{sample}.xml")
        for element in tree.iter(etree.Element):
            tag, text = etree.QName(element).localname, element.text or ""
            if tag.endswith("_Domain.mRID"):
                element.text = zone(code).eic
            elif tag in {"quantity", "price.amount"}:
                element.text = f"{float(text) * factor:.2f}"
            elif tag == "createdDateTime":
                created = datetime.fromisoformat(text) + timedelta(minutes=minutes)
                element.text = f"{created:%Y-%m-%dT%H:%M:%SZ}"
        tree.write(folder / f"{code}.xml", encoding="utf-8", xml_declaration=True)


def _photograph_pages(browser: Browser, home: Path) -> None:
    """Show the front page, the map alone, and an issue: at a desk, and on a phone by night."""
    archive = home / "archive"
    front = archive / "index.html"
    records = (archive / "issues" / SHOWN / "DE_LU").rglob("issue.json")
    newest = max(records, key=lambda record: json.loads(record.read_text("utf-8"))["created"])
    issue = newest.with_name("index.html")
    for name, path in (("archive", front), ("page", issue)):
        page = browser.new_page(viewport={"width": 1280, "height": 1600}, device_scale_factor=1.5)
        page.goto(path.as_uri())
        page.screenshot(path=IMAGES / f"{name}.png")
    page = browser.new_page(
        viewport={"width": 360, "height": 780}, device_scale_factor=2, color_scheme="dark"
    )
    page.goto(issue.as_uri())
    page.screenshot(path=IMAGES / "phone.png")
    page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1.5)
    page.goto(front.as_uri())
    page.get_by_role("link", name=zone("DE_LU").name).first.locator("path").hover()
    page.locator(".map").screenshot(path=IMAGES / "map.png")


@contextmanager
def _preview(environment: dict[str, str]) -> Iterator[str]:
    """Have `gridletter preview` show a notebook on its sample; yield its address."""
    gridletter = str(Path(sys.executable).with_name("gridletter"))
    process = subprocess.Popen(  # noqa: S603 - our own
        [gridletter, "preview", f"notebooks/{SHOWN}.ipynb"],
        cwd=ROOT,
        env={**environment, "BROWSER": "true", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout
        if said is None:
            sys.exit("the preview says nothing")
        address = next(word for word in said.readline().split() if word.startswith("http"))
        said.readline()  # the notebook has run
        yield address
    finally:
        process.terminate()
        process.communicate()


def _photograph_preview(browser: Browser, address: str) -> None:
    """Show what an analyst sees of a newsletter before it is published: on a phone by night."""
    page = browser.new_page(viewport={"width": 1000, "height": 900}, device_scale_factor=1.5)
    page.goto(address)
    page.get_by_text("Mail, 360 px, dark").click()
    page.wait_for_timeout(1_000)
    page.screenshot(path=IMAGES / "preview.png")


def _photograph_charts(browser: Browser, home: Path) -> None:
    """Show every chart of each newsletter's newest issue as a phone does, 360 px wide."""
    folder = IMAGES / "charts"
    folder.mkdir(exist_ok=True)
    for newsletter in sorted((home / "archive" / "issues").iterdir()):
        records = newsletter.rglob("issue.json")
        newest = max(records, key=lambda record: json.loads(record.read_text("utf-8"))["created"])
        page = browser.new_page(viewport={"width": 360, "height": 780}, device_scale_factor=2)
        page.goto(newest.with_name("index.html").as_uri())
        for number, figure in enumerate(page.locator("figure").all(), start=1):
            figure.screenshot(path=folder / f"{newsletter.name}-{number}.png")


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

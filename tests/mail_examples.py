"""Builds what delivery takes: an issue's record, its mail, its recipients."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.delivery.compose import GREETING_SLOT, UNSUBSCRIBE_SLOT, prepare
from flows.delivery.ledger import Entry, Recipient
from flows.issue import Figure, Issue, Zone
from issue_examples import png

ISSUE_ID = "0123456789abcdef0123"
SENDER = "Gridletter <news@letters.example>"
PUBLISHED = datetime(2025, 10, 25, 17, 5, tzinfo=UTC)
CHARTS = {"chart-1.png": png(grey=60), "chart-2.png": png(grey=200)}
TEXT = "Solar peaks at 41 GW\n====================\n\n.dotted, ümlaut, trailing \nlast line\n"
HTML = f"""<html><head><title>Solar</title></head><body>
<p class="hello">{GREETING_SLOT}</p>
<h1>Solar peaks at 41 GW – tomorrow</h1>
<img src="cid:chart-1.png@gridletter" alt="Solar"><img src="cid:chart-2.png@gridletter" alt="Wind">
<p>Why you get this. {UNSUBSCRIBE_SLOT}</p>
</body></html>
"""


def issue(**changes):
    """Return an issue's record with two charts, with `changes` to its fields."""
    fields = {
        "issue_id": ISSUE_ID,
        "render_id": "f" * 20,
        "newsletter": "wind_solar",
        "title": "Wind & solar forecast",
        "zone": Zone(
            eic="10Y1001A1001A82H",
            code="DE_LU",
            name="Germany–Luxembourg",
            tz="Europe/Berlin",
        ),
        "counter_zone": None,
        "document_key": "A69/A01/DE_LU",
        "document_type": "A69",
        "document_type_name": "Wind and solar forecast",
        "process_type": "A01",
        "process_type_name": "Day-ahead",
        "mrid": "4f1c0d9be0a64d8e",
        "revision": 1,
        "created": PUBLISHED,
        "start": PUBLISHED,
        "end": PUBLISHED,
        "provisional": False,
        "headline": "Solar peaks at 41 GW – tomorrow",
        "lede": "",
        "kpis": (),
        "figures": tuple(
            Figure(
                name=name,
                dark_name=None,
                cid=f"{name}@gridletter",
                alt="A chart",
                width_px=2,
                height_px=1,
            )
            for name in CHARTS
        ),
        "published": PUBLISHED,
        "supersedes": None,
        "previous": None,
        "corrects": None,
        "compared_with": None,
        "changes": (),
        "styled": False,
        "parameters": {},
        "versions": {},
        "files": {},
    }
    return Issue(**{**fields, **changes})


def link(email):
    """Return an unsubscribe link that is far longer than a header line usually is."""
    return f"https://letters.example/unsubscribe/{email.encode().hex()}.{'x' * 300}"


def prepared(issue_=None, html=HTML, text=TEXT, charts=None, sender=SENDER, link=link):
    """Return the mail of an issue, prepared."""
    return prepare(
        issue_ or issue(),
        html,
        text,
        CHARTS if charts is None else charts,
        sender=sender,
        unsubscribe_url=link,
    )


def recipients(count):
    """Return `count` recipients: reader0, reader1 and so on."""
    return [Recipient(f"reader{n}@mail.example", f"Reader {n}") for n in range(count)]


def entry():
    """Return the ledger's entry of the issue."""
    record = issue()
    return Entry(
        record.issue_id,
        record.path,
        record.newsletter,
        record.zone.code,
        record.document_key,
        record.revision,
    )

"""Makes issues for archives by the thousand: records and small files, with no notebook run."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import issue_examples as examples
from flows import document
from flows.issue import ARTICLE_FILE, DOCUMENT_FILE, Zone

URL = "https://letters.example.org/"
ZONES = ("DE_LU", "FR", "FI", "PT")
TITLES = {"wind_solar": "Wind & solar forecast", "load": "Load", "outage_alert": "Outages"}
FIRST_DAY = datetime(2025, 11, 28, tzinfo=UTC)


@cache
def rendered():
    """Return an issue with a chart and KPIs and its rendering, as a notebook gives them."""
    return examples.render(
        examples.shown(examples.kpis("41.2", "612.4")), examples.shown(examples.figure())
    )


@cache
def zone(code):
    """Return the record of a bidding zone."""
    return Zone.of(document.zone(code))


def issue(newsletter="wind_solar", code="DE_LU", day=0, revision=1, *, key=None, by="", **changes):
    """Return the issue about a day, so many after `FIRST_DAY`, and its files.

    Args:
        newsletter: Its name.
        code: Its bidding zone's code.
        day: Which day its period is.
        revision: Its document's; a higher one supersedes that before.
        key: Its document's, where that is not to follow from newsletter, zone and day.
        by: Who wrote it, where its files are to differ by that.
        changes: To its other fields.
    """
    template, rendering = rendered()
    place = zone(code)
    midnight = (FIRST_DAY + timedelta(days=day)).replace(tzinfo=ZoneInfo(place.tz))
    key = key or f"{newsletter} {code} {day}"
    fields = {
        "newsletter": newsletter,
        "title": TITLES.get(newsletter, newsletter),
        "zone": place,
        "document_key": key,
        "revision": revision,
        "issue_id": _id(newsletter, key, revision),
        "render_id": _id(newsletter, key, revision, "rendered"),
        "supersedes": _id(newsletter, key, revision - 1) if revision > 1 else None,
        "start": midnight.astimezone(UTC),
        "end": (midnight + timedelta(days=1)).astimezone(UTC),
        "created": midnight.astimezone(UTC) - timedelta(hours=6 - revision),
        "published": midnight.astimezone(UTC) - timedelta(hours=5 - revision),
        "headline": f"{newsletter} in {place.name} on day {day}",
        **changes,
    }
    files = {
        ARTICLE_FILE: f"<article><h1>{key} {revision}</h1>{by}</article>".encode(),
        DOCUMENT_FILE: f"<x>{by}</x>".encode(),
        "chart-1.png": rendering.files["chart-1.png"],
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    # Through JSON, as it comes back from the archive.
    made = template.model_copy(update={**fields, "files": sums})
    return type(made).model_validate_json(made.model_dump_json()), files


def correction(of, number=1):
    """Return a correction of an issue, and its files."""
    files = {
        ARTICLE_FILE: f"<article>corrected {number}</article>".encode(),
        DOCUMENT_FILE: b"<x/>",
        "chart-1.png": rendered()[1].files["chart-1.png"],
    }
    changes = {
        "corrects": of.render_id,
        "render_id": _id(of.issue_id, str(number)),
        "published": of.published + timedelta(days=number),
        "headline": f"{of.headline}, corrected {number}",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    return of.model_copy(update=changes), files


def put(archive, made):
    """Write an issue's record and files alone, as if all else were lost."""
    issue_, files = made
    for name, data in files.items():
        archive.store.put(f"{issue_.path}/{name}", data)
    archive.store.put(
        f"{issue_.path}/issue.json", issue_.model_dump_json(indent=1).encode() + b"\n"
    )


def publish(archive, made):
    """Commit and settle an issue and its files, as the flow does; return the issue."""
    issue_, files = made
    archive.commit(issue_, files)
    archive.settle(issue_)
    return issue_


class NoSearch:
    """Stands where an archive has its search, in tests that are not about it."""

    def __init__(self, *_):
        pass

    def refresh(self, days):
        """Do nothing."""

    def rebuild(self):
        """Do nothing."""
        return ()


def contents(store):
    """Return all that stands in a store, by path; what is under way aside."""
    return {
        path: store.get(path)
        for path in sorted(store.list(""))
        if not path.startswith(("index/pending/", "search/tasks/"))
    }


def _id(*parts):
    return hashlib.blake2b(repr(parts).encode(), digest_size=10).hexdigest()

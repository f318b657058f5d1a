"""Archived issues as the flow writes them, without the flow: a folder each, made by real runs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import cells
from flows import document as documents
from flows import issue as issues
from flows.notebook import newsletter
from flows.notebook.run import Limits, run

LIMITS = Limits(deadline_seconds=120, memory_mb=4096, output_mb=16)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")


def sample(name, weeks=0):
    """Return a sample's document, moved by whole weeks, so that its days keep their names."""
    xml = (cells.SAMPLES / name).read_text(encoding="utf-8")
    by = timedelta(weeks=weeks)

    def moved(match):
        text = match.group()
        form = "%Y-%m-%dT%H:%M:%SZ" if text.count(":") == 2 else "%Y-%m-%dT%H:%MZ"
        return (datetime.strptime(text, form) + by).strftime(form)  # noqa: DTZ007 - UTC throughout

    (document,) = documents.read(_TIME.sub(moved, xml))
    return document


def issue_of(letter, document, *, previous=None, page_url=str, **values):
    """Run `letter` about `document`; return the issue and its rendering."""
    values = {"event_payload": document.xml, **letter.parameters, **values}
    record = dict(values)
    if previous is not None:
        earlier, of = previous
        values["previous_payload"] = of.xml
        record["previous_payload"] = issues.reference(earlier)
        previous = earlier
    executed = run(letter, values, limits=LIMITS)
    return issues.render(
        letter, document, executed.notebook, record, previous=previous, page_url=page_url
    )


def write(archive, issue, rendering):
    """Write an issue into the archive's folder as it stands there; return its folder."""
    folder = archive / issue.path
    folder.mkdir(parents=True)
    for name, data in rendering.files.items():
        (folder / name).write_bytes(data)
    (folder / "issue.json").write_text(issue.model_dump_json(indent=1), encoding="utf-8")
    return folder


def publish(archive, letter, document, **options):
    """Run, render and write an issue; return it with its folder."""
    issue, rendering = issue_of(letter, document, **options)
    return issue, write(archive, issue, rendering)


def letter(name, folder=cells.NOTEBOOKS):
    """Return a newsletter."""
    return newsletter.load(folder / f"{name}.ipynb")

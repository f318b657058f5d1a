from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import issue_examples as examples
from flows.document import Zone, zone
from flows.issue import Issue, identity, issue_id, render_id, slug


@pytest.fixture(scope="module")
def issue():
    """Return the record of an issue that has one of everything."""
    made, _ = examples.render_notebook(examples.full())
    return made


def test_the_record_survives_json(issue):
    """`issue.json` gives back the very issue it was written from."""
    assert Issue.model_validate_json(issue.model_dump_json()) == issue


def test_the_record_takes_no_unknown_schema(issue):
    """A record of another schema version, or with a field of one, is refused, not misread."""
    later = issue.model_dump(mode="json") | {"schema_version": 2}
    other = issue.model_dump(mode="json") | {"colour": "red"}
    for record in (later, other):
        with pytest.raises(ValidationError):
            Issue.model_validate(record)


def test_times_of_the_record_are_utc(issue):
    """Whatever zone a time comes in, the record holds it in UTC."""
    local = datetime(2025, 10, 26, 1, tzinfo=timezone(timedelta(hours=2)))
    moved = Issue.model_validate(issue.model_dump() | {"published": local})
    assert moved.published.tzinfo is UTC
    assert '"2025-10-25T23:00:00Z"' in moved.model_dump_json()


def test_the_id_follows_from_newsletter_key_and_revision_alone():
    """Another mRID or creation time is the same issue; another newsletter or revision is not."""
    document = examples.document()
    again = replace(document, mrid="other", created=document.created + timedelta(hours=1))
    base = issue_id("wind_solar", document)
    assert re.fullmatch(r"[0-9a-f]{20}", base)
    assert issue_id("wind_solar", again) == base
    different = {
        issue_id("load", document),
        issue_id("wind_solar", replace(document, revision=2)),
        issue_id("wind_solar", replace(document, end=document.end + timedelta(hours=1))),
        issue_id("wind_solar", replace(document, zone=zone("FR"))),
    }
    assert len({base, *different}) == 5


def test_the_id_never_changes():
    """An id of today is that of tomorrow: an update of this project sends nothing again."""
    document = SimpleNamespace(key="A69 A01 10Y1001A1001A82H", revision=1)
    assert issue_id("wind_solar", document) == "5f2ed218c652f8f185c3"


def test_the_rendering_has_an_id_of_its_own(monkeypatch):
    """Notebook source, templates and lock file each change the rendering's id, not the issue's."""
    base = render_id("a" * 20, "source")
    changed = {render_id("a" * 20, "other source"), render_id("b" * 20, "source")}
    for name in ("templates_hash", "lock_hash"):
        with monkeypatch.context() as patch:
            patch.setattr(identity, name, lambda: "changed")
            changed.add(render_id("a" * 20, "source"))
    assert base not in changed
    assert len(changed) == 4


def test_the_path_has_the_local_day_of_the_zone():
    """An issue about 26 October in Berlin, which begins on the 25th in UTC, stands under 10-26."""
    made, _ = examples.render()
    assert made.path == f"issues/wind_solar/DE_LU/2025/10-26/{made.issue_id}"


@given(st.text(max_size=300))
def test_a_slug_is_one_harmless_path_component(text):
    """Whatever the text, its slug is 1 to 64 of A–Z, a–z, 0–9, _ and -, and begins with no sign."""
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", slug(text))
    assert slug(slug(text)) == slug(text)


@pytest.mark.parametrize("text", ["wind_solar", "DE_LU", "10Y1001A1001A82H", "a-b", "x" * 64])
def test_a_slug_stays_as_it_is(text):
    """Names of newsletters and zones are found in the archive under themselves."""
    assert slug(text) == text


def test_slugs_of_different_texts_differ():
    """Texts that lose their difference with what is unsafe in them keep folders apart."""
    texts = ["a b", "a/b", "a..b", "a\\b", "a\0b", "", ".", "..", "../a", "ä", "ö", "x" * 65]
    assert len({slug(text) for text in texts}) == len(texts)


def test_hostile_names_stay_inside_the_archive():
    """No newsletter's or zone's name leads out of `issues/`, or adds a folder."""
    hostile = Zone(eic="x", code="../../etc/passwd", name="x", tz="Europe/Berlin")
    made, _ = examples.render(
        letter=examples.newsletter(name="../..\0/evil"), doc=examples.document(zone=hostile)
    )
    components = made.path.split("/")
    assert len(components) == 6
    assert components[0] == "issues"
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in components)


def test_a_tampered_record_can_name_no_path(issue):
    """An `issue.json` whose id or chart name is a path is refused."""
    record = issue.model_dump(mode="json")
    with pytest.raises(ValidationError):
        Issue.model_validate(record | {"issue_id": "../../../../../etc"})
    figure = record["figures"][0] | {"name": "../chart-1.png"}
    with pytest.raises(ValidationError):
        Issue.model_validate(record | {"figures": [figure]})


def test_text_of_the_record_is_one_inert_line(issue):
    """Line breaks, NUL, bidirectional overrides and lone surrogates never reach a subject."""
    record = issue.model_dump()
    text = "Solar\r\nBcc: x@y.example\0 \u202e14\u2066\ud800 GW"
    assert Issue.model_validate(record | {"headline": text}).subject == (
        "Solar Bcc: x@y.example  14 GW · Germany–Luxembourg"
    )


def test_the_document_stands_in_the_record_by_its_file():
    """A parameter equal to the issue's document is a reference; every other is kept as injected."""
    document = examples.document()
    parameters = {
        "event_payload": document.xml,
        "previous_payload": "<other/>",
        "installed_capacity": {"B16": 88_000.5},
        "threshold_mw": 100,
    }
    made, rendering = examples.render(parameters=parameters)
    assert made.parameters == parameters | {"event_payload": {"file": "document.xml"}}
    assert rendering.files["document.xml"].decode() == document.xml


def test_the_record_names_what_made_the_figures(issue):
    """Versions of Python, the numeric packages and the lock file are those that ran."""
    import pandas as pd

    assert issue.versions["pandas"] == pd.__version__
    assert {"python", "numpy", "matplotlib", "entsoe-py", "papermill", "gridletter"} <= set(
        issue.versions
    )
    assert issue.versions["requirements.lock"] == f"sha256:{identity.lock_hash()}"


@pytest.mark.parametrize(
    ("status", "provisional"), [("A01", True), ("A02", False), ("A05", False), (None, False)]
)
def test_intermediate_figures_are_provisional(status, provisional):
    """A docStatus of intermediate makes an issue provisional, on the page and in the mail too."""
    made, rendering = examples.render(doc=examples.document(status=status))
    assert made.provisional is provisional
    for shown in (rendering.article_html, rendering.mail_html, rendering.mail_text):
        assert ("provisional" in shown.lower()) is provisional


def test_an_update_is_marked_in_the_subject(issue):
    """The mail says the place, and about a higher revision that it is an update."""
    second, _ = examples.render(doc=examples.document(revision=2), superseded=issue)
    assert issue.subject == f"{examples.HEADLINE} · Germany–Luxembourg"
    assert second.subject == f"{issue.subject} (update)"
    assert second.supersedes == issue.issue_id


def test_a_border_has_both_its_zones():
    """An issue about flows names the zone that energy comes from, then the one it goes to."""
    made, rendering = examples.render(doc=examples.document(counter_zone=zone("NL")))
    assert made.place == "Netherlands → Germany–Luxembourg"
    assert made.place in rendering.mail_text

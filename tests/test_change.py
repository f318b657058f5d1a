from __future__ import annotations

import re
from datetime import timedelta

import pytest
from lxml import html as lxml_html

import issue_examples as examples
from flows.document import zone
from flows.issue import change, mail
from flows.notebook import parts


def kpi(label, value, text=None, unit="GW"):
    """Return a figure; its text has one decimal place unless it is given."""
    if text is None:
        text = "n/a" if value is None else f"{value:.1f}".replace("-", "−")
    return parts.Kpi(label=label, value=value, text=text, unit=unit)


def only(before, after):
    """Return the one change between two figures of one label."""
    (found,) = change.between([before], [after])
    return found


def said(text):
    """Return the text of HTML, or of plain text, in one line with plain spaces."""
    if "<" in text:
        text = lxml_html.document_fromstring(text).text_content()
    return re.sub(r"[\s\u00a0\u202f]+", " ", text)


def alternatives(rendering):
    """Return article, mail and text, each in one line."""
    return [said(t) for t in (rendering.article_html, rendering.mail_html, rendering.mail_text)]


@pytest.fixture(scope="module")
def first():
    """Return an issue with four figures."""
    made, _ = examples.render(examples.shown(examples.kpis("41.2", "612.4", "n/a", "−5.2")))
    return made


def again(*texts, **options):
    """Return another issue with `texts` as its figures."""
    return examples.render(examples.shown(examples.kpis(*texts)), **options)


# ── figure by figure ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after", "words", "difference", "percent"),
    [
        (kpi("Peak", 41.2), kpi("Peak", 39.9), "41.2 → 39.9 GW, −1.3 (−3.2 %)", -1.3, -3.155),
        (kpi("Mean", -5.0), kpi("Mean", 3.0), "−5.0 → 3.0 GW, +8.0", 8.0, None),
        (kpi("Mean", -5.0), kpi("Mean", -4.0), "−5.0 → −4.0 GW, +1.0 (+20.0 %)", 1.0, 20.0),
        (kpi("Sun", 0.0), kpi("Sun", 3.0), "0.0 → 3.0 GW, +3.0", 3.0, None),
        (kpi("Sun", 3.0), kpi("Sun", 0.0), "3.0 → 0.0 GW, −3.0 (−100 %)", -3.0, -100.0),
        (
            kpi("Share", 61.0, unit="%"),
            kpi("Share", 58.9, unit="%"),
            "61.0 → 58.9 %, −2.1 pp",
            -2.1,
            None,
        ),
        (kpi("Peak", 41.2), kpi("Peak", 980.0, unit="MW"), "41.2 GW → 980.0 MW", None, None),
        (kpi("Peak", 41.2), kpi("Peak", None), "41.2 GW → n/a", None, None),
        (kpi("Peak", None), kpi("Peak", 41.2), "n/a → 41.2 GW", None, None),
        (kpi("From", None, "3 Jun"), kpi("From", None, "4 Jun"), "3 Jun → 4 Jun", None, None),
        (kpi("Sun", 0.1), kpi("Sun", 9.9), "0.1 → 9.9 GW, +9.8", 9.8, 9800.0),
        (
            kpi("Load", 1000, "1\u202f000"),
            kpi("Load", 2500, "2\u202f500"),
            "1 000 → 2 500 GW, +1 500 (+150 %)",
            1500.0,
            150.0,
        ),
    ],
)
def test_a_figure_moves_by_what_its_values_say(before, after, words, difference, percent):
    """Differences are of numbers in one unit, percent only where it says something."""
    moved = only(before, after)
    assert said(moved.words) == f"{before.label} {words}"
    assert moved.difference == (difference if difference is None else pytest.approx(difference))
    assert moved.percent == (percent if percent is None else pytest.approx(percent, rel=1e-3))


def test_figures_appear_and_vanish():
    """A figure that only one of both issues has is told as new, or as what it was."""
    new, gone = change.between([kpi("Old", 1.0)], [kpi("New", 2.0)])
    assert (said(new.words), new.before, new.difference) == ("New new: 2.0 GW", None, None)
    assert (said(gone.words), gone.after, gone.percent) == ("Old was 1.0 GW", None, None)


def test_what_readers_see_alike_has_not_changed():
    """A change behind the last place shown is none."""
    assert change.between([kpi("Peak", 41.21)], [kpi("Peak", 41.19)]) == ()


def test_figures_of_one_label_belong_together_by_order():
    """Two tiles of one name are compared first with first and second with second."""
    before = [kpi("Share", 1.0), kpi("Share", 2.0)]
    (moved,) = change.between(before, [kpi("Share", 1.0), kpi("Share", 3.0)])
    assert (moved.before, moved.after) == (before[1], kpi("Share", 3.0))


# ── in the issue ───────────────────────────────────────────────────────────────────────────────


def test_an_update_says_what_changed(first):
    """A higher revision links to the page it replaces and tells old and new figures."""
    doc = examples.document(revision=2)
    second, rendering = again("39.9", "612.4", "n/a", "−5.2", doc=doc, superseded=first)
    root = lxml_html.document_fromstring(rendering.article_html)
    links = {a.text_content(): a.get("href") for a in root.iter("a")}
    assert links["revision 1"] == f"../{first.issue_id}/index.html"
    for text in alternatives(rendering):
        assert "Update: revision 2 replaces revision 1." in text
        assert text.count("41.2 → 39.9 GW") == 1
        assert text.count("→") == 1
    assert examples.page_url(first.path) in rendering.mail_text
    assert [moved.label for moved in second.changes] == ["Figure 0"]
    assert second.compared_with == second.supersedes == first.issue_id


def test_the_next_issue_says_what_moved_since_the_one_before(first):
    """An issue about another day is compared with the one before it, which is told by its day."""
    day = timedelta(days=1)
    base = examples.document()
    doc = examples.document(start=base.start + day, end=base.end + day)
    second, rendering = again("43.0", "612.4", "n/a", "−5.2", doc=doc, previous=first)
    for text in alternatives(rendering):
        assert "Since the issue before (Sunday 26 October 2025):" in text
        assert "41.2 → 43.0 GW" in text
    assert (second.compared_with, second.supersedes) == (first.issue_id, None)
    assert second.subject == f"{examples.HEADLINE} · Germany–Luxembourg"


def test_a_later_forecast_for_the_same_day_is_told_by_its_time(first):
    """Of two issues about one period the earlier one is told by process and creation."""
    base = examples.document()
    doc = examples.document(process_type="A40", created=base.created + timedelta(hours=9))
    _, rendering = again("43.0", doc=doc, previous=first)
    for text in alternatives(rendering):
        assert "Since the issue before (Day-ahead, created 25 Oct 2025 18:00 CEST):" in text


def test_an_issue_without_change_says_so(first):
    """An update whose figures all stay tells just that."""
    same = examples.shown(examples.kpis("41.2", "612.4", "n/a", "−5.2"))
    made, rendering = examples.render(same, doc=examples.document(revision=2), superseded=first)
    assert made.changes == ()
    for text in alternatives(rendering):
        assert "No key figure has changed." in text


def test_the_first_issue_says_nothing_of_change(first):
    """Without an earlier issue there is nothing to compare, and no word of it."""
    made, rendering = again("41.2")
    assert (made.changes, made.compared_with) == ((), None)
    for text in alternatives(rendering):
        assert not re.search("Since the issue|Update|changed", text)


@pytest.mark.parametrize(
    "fields", [{"counter_zone": zone("NL")}, {"outages": ("an outage",)}], ids=["border", "outage"]
)
def test_only_like_is_compared_with_like(first, fields):
    """Figures across another border, or of another outage, are no change of these."""
    made, _ = again("1.0", doc=examples.document(**fields), previous=first)
    assert (made.previous, made.compared_with, made.changes) == (first.issue_id, None, ())


def test_an_outage_is_compared_with_its_own_revision(first):
    """An update about the same outage tells what changed, as any other update."""
    doc = examples.document(outages=("an outage",), revision=2)
    made, _ = again("1.0", doc=doc, superseded=first, previous=first)
    assert made.compared_with == first.issue_id


# ── corrections ────────────────────────────────────────────────────────────────────────────────


def test_a_correction_stands_in_what_it_corrects(first):
    """It keeps the issue's id and neighbours, has its folder inside, and says what it corrects."""
    letter = examples.newsletter(source_hash="cd" * 32)
    original = first.model_copy(update={"supersedes": "a" * 20, "previous": "b" * 20})
    made, rendering = again("39.9", "612.4", "n/a", "−5.2", letter=letter, corrects=original)
    assert made.issue_id == first.issue_id
    assert made.render_id != first.render_id
    assert made.corrects == first.render_id
    assert made.path == f"{first.path}/{made.render_id}"
    assert (made.supersedes, made.previous) == ("a" * 20, "b" * 20)
    assert made.compared_with == first.issue_id
    root = lxml_html.document_fromstring(rendering.article_html)
    assert [a.get("href") for a in root.iter("a")] == ["../index.html"]
    for text in alternatives(rendering):
        assert "Correction of the issue of 25 Oct 2025 19:05 CEST." in text
        assert "41.2 → 39.9 GW" in text


def test_a_correction_is_marked_in_subject_and_first_line(first):
    """Subject, preheader and first line of the mail say that it corrects, and what."""
    made, rendering = examples.render(
        examples.headline("Solar peaks at 39 GW"), corrects=first, previous=None
    )
    assert made.subject == "Correction: Solar peaks at 39 GW · Germany–Luxembourg"
    opening = f"Correction of the issue of 25 Oct 2025 19:05 CEST, “{examples.HEADLINE}”."
    assert said(rendering.mail_text).startswith(opening)
    body = lxml_html.document_fromstring(rendering.mail_html).find("body")
    assert said(body.text_content()).strip().startswith(opening)
    shown = said(body.text_content()).partition("Read online")[2]
    assert shown.strip().startswith(opening)


# ── bounds ─────────────────────────────────────────────────────────────────────────────────────


def test_a_mail_tells_the_first_changes_and_stays_in_its_budget(first):
    """Hundreds of long changes are cut in the mail, with a link; the article has all."""
    cells = [
        examples.shown(
            parts.Kpis(items=tuple(kpi("x" * 190 + f"{row}.{n}", 1.0) for n in range(6)))
        )
        for row in range(20)
    ]
    made, rendering = examples.render(*cells, doc=examples.document(revision=2), superseded=first)
    assert len(made.changes) == 124
    assert len(rendering.mail_html.encode()) <= mail.BUDGET_BYTES
    assert "All 124 changes are on the page" in rendering.mail_html
    assert "(All 124 changes are on the page.)" in rendering.mail_text
    root = lxml_html.document_fromstring(rendering.article_html)
    (notice,) = root.find_class("change")
    assert len(list(notice.iter("dt"))) == 124
    assert max(map(len, rendering.mail_text.splitlines())) < 260


def test_hostile_labels_are_words(first):
    """Markup in a figure's label, text or unit is shown as it stands."""
    evil = "<script>alert(1)</script>"
    cell = examples.shown(parts.Kpis(items=(kpi(evil, 1.0, evil, "<b>u</b>"),)))
    _, rendering = examples.render(cell, doc=examples.document(revision=2), superseded=first)
    for html in (rendering.article_html, rendering.mail_html):
        root = lxml_html.document_fromstring(html)
        assert not list(root.iter("script", "b"))
        assert evil in root.text_content()

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from lxml import html as lxml_html

import issue_examples as examples
from flows.delivery.compose import GREETING_SLOT, UNSUBSCRIBE_SLOT
from flows.errors import RenderError
from flows.issue import mail, sanitize, when
from flows.notebook import parts

TESTS = Path(__file__).parent
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{7*7}}{% include '/etc/passwd' %}",
    "../../etc/passwd",
    "Bcc: x@y.example\r\nX: 1\0",
    "\u202edesrever\u2066\u2028",
    '"><a href="javascript:alert(1)">x</a>',
    "<!--[if mso]><b>x</b><![endif]-->",
)


@pytest.fixture(scope="module")
def full():
    """Return issue and rendering of a notebook that has one of everything."""
    return examples.render_notebook(examples.full())


def harmless(page):
    """Fail where `page` could run something or reach out of the archive."""
    root = lxml_html.document_fromstring(page)
    assert not list(root.iter("script", "iframe", "object", "embed", "form", "svg", "base"))
    for element in root.iter():
        if isinstance(element.tag, str):
            assert not [name for name in element.attrib if name.lower().startswith("on")]
    for _, _, address, _ in root.iterlinks():
        assert not address.lower().strip().startswith(("javascript:", "data:", "vbscript:", "//"))
    return root


# ── what is shown ──────────────────────────────────────────────────────────────────────────────


def test_every_alternative_says_the_same(full):
    """Headline, lede, figures, note, chart's words, prose and table are on page, mail and text."""
    issue, rendering = full
    page = lxml_html.document_fromstring(rendering.article_html)
    html_mail = lxml_html.document_fromstring(rendering.mail_html)
    alts = [image.get("alt") for root in (page, html_mail) for image in root.iter("img")]
    assert alts == ["Solar rises to 41 GW at 13:15."] * 2
    said = ("What to watch", "evening ramp", "Hourly means", "row 23", "No capacities today.")
    for text in (page.text_content(), html_mail.text_content(), rendering.mail_text):
        for words in (issue.headline, issue.lede, "Wind & solar forecast", "41.2", *said):
            assert words in text
    assert "Solar rises to 41 GW at 13:15." in rendering.mail_text


def test_provenance_is_everywhere(full):
    """Type, process, area, local period with both offsets, revision, creation and mRID are told."""
    _, rendering = full
    for document in (rendering.article_html, rendering.mail_html):
        text = " ".join(lxml_html.document_fromstring(document).text_content().split())
        for fact in (
            "Wind and solar forecast (A69)",
            "Day-ahead (A01)",
            "Germany–Luxembourg, EIC 10Y1001A1001A82H",
            "26 Oct 2025 00:00 CEST – 27 Oct 2025 00:00 CET",
            "25 Oct 2025 18:00 CEST (25 Oct 2025 16:00 UTC)",
            "4f1c0d9be0a64d8e",
        ):
            assert fact in text


def test_inputs_streams_and_errors_are_hidden():
    """Code, prints and tracebacks are the analyst's; readers see none of them."""
    cell = examples.cell(
        examples.new_output("stream", name="stdout", text="printed"),
        examples.new_output("error", ename="ValueError", evalue="broken", traceback=["broken"]),
    )
    _, rendering = examples.render(cell)
    for file in (rendering.article_html, rendering.mail_html, rendering.mail_text):
        assert not re.search("secret_input|printed|broken|ValueError", file)


@pytest.mark.parametrize("tag", ["remove", "hide", "remove-cell", "hide_output"])
def test_cells_tagged_as_hidden_are_left_out(tag):
    """An author takes a cell out of the issue by its tag."""
    cell = examples.shown(parts.Note(text="for my own eyes"))
    cell.metadata.tags = [tag]
    _, rendering = examples.render(cell)
    assert "for my own eyes" not in rendering.article_html


def test_an_issue_needs_a_headline():
    """A notebook without one is refused, with the call that mends it."""
    with pytest.raises(RenderError, match=r"desk\.headline"):
        examples.render_notebook(examples.notebook("# A title", examples.shown(examples.kpis("1"))))


def test_a_skipped_notebook_is_no_issue():
    """What called desk.skip is never rendered, even with a headline."""
    with pytest.raises(RenderError, match="under the threshold"):
        examples.render(examples.shown(parts.Skip(reason="under the threshold")))


def test_the_last_headline_counts():
    """A notebook may set its headline again once it knows better."""
    issue, _ = examples.render(examples.headline("Wind falls to 3 GW", ""))
    assert (issue.headline, issue.lede) == ("Wind falls to 3 GW", "")


def test_our_part_wins_over_what_jupyterlab_shows():
    """Of a bundle with a typed part only that is read."""
    cell = examples.shown(
        parts.Note(text="typed"), **{"text/html": "<p>for JupyterLab</p>", "text/plain": "plain"}
    )
    _, rendering = examples.render(cell)
    assert "typed" in rendering.article_html
    assert "for JupyterLab" not in rendering.article_html


def test_a_missing_figure_has_no_unit(full):
    """A value that is not known is `n/a`, not `n/a GW`, in each alternative."""
    _, rendering = full
    for file in (rendering.article_html, rendering.mail_html, rendering.mail_text):
        text = " ".join(lxml_html.document_fromstring(file).text_content().split())
        assert "n/a" in text
        assert "n/a GW" not in text


def test_markdown_headings_stand_under_the_headline():
    """A page has one h1, whatever headings the notebook's author wrote."""
    _, rendering = examples.render("# First\n\n### Third\n\ntext")
    root = lxml_html.document_fromstring(rendering.article_html)
    assert [h.text_content() for h in root.iter("h1")] == [examples.HEADLINE]
    assert "First" in [h.text_content() for h in root.iter("h2")]


# ── charts ─────────────────────────────────────────────────────────────────────────────────────


def test_charts_follow_the_ground(full):
    """The page has a drawing for each ground; the mail carries the light one by its cid."""
    issue, rendering = full
    page = lxml_html.document_fromstring(rendering.article_html)
    (source,) = page.iter("source")
    assert source.get("srcset") == "chart-1-dark.png"
    assert "dark" in source.get("media")
    (shown,) = lxml_html.document_fromstring(rendering.mail_html).iter("img")
    (image,) = rendering.images
    assert shown.get("src") == f"cid:{image.cid}"
    assert issue.figures[0].cid == image.cid
    assert rendering.files["chart-1.png"] == image.light_png == examples.png(1280, 640, 255)
    assert rendering.files["chart-1-dark.png"] == examples.png(1280, 640, 20)


def test_each_issue_has_image_ids_of_its_own(full):
    """Two mails in one thread never show each other's chart."""
    other, _ = examples.render_notebook(examples.full(), doc=examples.document(revision=2))
    assert other.figures[0].cid != full[0].figures[0].cid


def test_a_plain_image_is_a_chart_too():
    """A PNG without desk.figure is shown within 640 px, with alt text of the author or of ours."""
    encoded = base64.b64encode(examples.png(1500, 500)).decode()
    _, rendering = examples.render(
        examples.cell(
            examples.display({"image/png": encoded}),
            examples.display(
                {"image/png": encoded}, **{"image/png": {"alt": "Wind", "width": 300}}
            ),
        )
    )
    first, second = rendering.images
    assert (first.alt, first.width_px, first.height_px) == (
        f"Chart 1: {examples.HEADLINE}",
        640,
        213,
    )
    assert (second.alt, second.width_px, second.height_px) == ("Wind", 300, 100)
    assert first.dark_name is None


@pytest.mark.parametrize("data", ["bm8gcG5n", "not base64", "iVBORw0KGgo="])
def test_what_is_no_png_is_refused(data):
    """Bytes that only claim to be an image never reach a reader."""
    with pytest.raises(RenderError, match=r"desk\.figure"):
        examples.render(examples.cell(examples.display({"image/png": data})))


def test_svg_is_not_shown():
    """SVG can run scripts and mail clients don't show it: the text beside it is taken."""
    data = {"image/svg+xml": "<svg onload=alert(1)>", "text/plain": "a drawing"}
    _, rendering = examples.render(examples.cell(examples.display(data)))
    assert "svg" not in rendering.article_html
    assert "a drawing" in rendering.article_html


def test_a_returned_object_is_not_shown():
    """The repr that a cell's last line leaves, with its address in memory, is no output."""
    data = {"text/plain": "[<matplotlib.lines.Line2D at 0x7f10a2b3c4d0>]"}
    _, rendering = examples.render(examples.cell(examples.display(data)))
    assert "Line2D" not in rendering.article_html + rendering.mail_text


# ── HTML of others ─────────────────────────────────────────────────────────────────────────────


def test_a_styler_keeps_its_colours_and_loses_its_markup():
    """Cells that Styler does not escape are inert, its plain colours stay, in page and mail."""
    frame = pd.DataFrame({"name": list(HOSTILE[:4]), "mw": [1.0, 2.0, 3.0, 4.0]})
    styled = frame.style.map(lambda _: "background-color: #ffee00", subset=["mw"]).to_html()
    _, rendering = examples.render(examples.cell(examples.display({"text/html": styled})))
    for document in (rendering.article_html, rendering.mail_html):
        root = harmless(document)
        assert "#ffee00" in document or "rgb(255, 238, 0)" in document
        assert "{{7*7}}" in root.text_content()


@pytest.mark.parametrize(
    "style",
    [
        "width: expression(alert(1)); color: red",
        "color: \\65xpression(alert(1))",
        "background-color: url(https://x.example/track)",
        "position: fixed; top: 0",
        "color: red; } body { display: none",
        "background-color: image-set('https://x.example/t' 1x)",
    ],
)
def test_only_plain_declarations_stay(style):
    """Of a style attribute nothing remains that loads, runs, moves or hides anything."""
    kept = sanitize.fragment(f'<p style="{style}">x</p>')
    assert not re.search(r"expression|url|position|display|image-set|\\|https|[{}]", kept)


@pytest.mark.parametrize(
    "hostile",
    [
        '<a href="javascript:alert(1)">x</a>',
        '<a href="jav&#x09;ascript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<a href="//evil.example">x</a>',
        '<a href="../../other">x</a>',
        '<img src="https://x.example/track.png">',
        "<svg><script>alert(1)</script></svg>",
        "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
        "<table><tr><td><iframe src=https://x.example></td></tr></table>",
        '<link rel="stylesheet" href="file:///etc/passwd"><p>x</p>',
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>x",
    ],
)
def test_markup_of_others_is_cut_to_what_is_harmless(hostile):
    """Scripts, frames, trackers and links to anything but web and mail addresses are taken out."""
    kept = sanitize.fragment(hostile)
    assert not re.search(r"(?i)script:|<img|<svg|<math|<iframe|<link|onerror=|href=", kept)


@pytest.mark.parametrize(
    "hostile",
    [
        "<div>" * 100_000,
        "<b>" * 100_000,
        "<p " + " ".join(f"a{n}=1" for n in range(90_000)) + ">",
        "<style>" + "p{color:red}" * 40_000 + "</style>" + "<p>x" * 5_000,
        "x" * 1_000_001,
    ],
    ids=["nested", "formatting", "attributes", "rules", "long"],
)
def test_endless_html_is_refused_at_once(hostile):
    """HTML that would hold up parser or inliner is an error in under a second."""
    started = time.perf_counter()
    with pytest.raises(RenderError, match=r"desk\.table"):
        sanitize.fragment(hostile)
    assert time.perf_counter() - started < 1


def test_a_frame_reads_well_as_text():
    """A DataFrame's HTML becomes aligned columns in the mail's text part."""
    frame = pd.DataFrame({"type": ["Solar", "Wind onshore"], "GWh": [123.4, 56.7]})
    _, rendering = examples.render(
        examples.cell(examples.display({"text/html": frame._repr_html_()}))
    )
    assert "0  Solar         123.4\n1  Wind onshore   56.7" in rendering.mail_text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("![a view](https://x.example/track.png)", "!a view"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("[x](data:text/html,x) <b>bold</b>", "<b>bold</b>"),
    ],
)
def test_raw_html_in_markdown_is_text(source, shown):
    """Markdown has no way to HTML, to pictures from elsewhere, or to a script address."""
    _, rendering = examples.render(source)
    root = harmless(rendering.article_html)
    harmless(rendering.mail_html)
    assert not list(root.iter("img"))
    assert shown in root.text_content()


# ── hostile text ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_is_inert_wherever_it_stands(hostile):
    """Hostile text in any part, cell, title, mRID or area is words: no tag, control or override."""
    cells = (
        examples.headline(hostile[:70], hostile),
        examples.shown(parts.Kpis(items=(parts.Kpi(label=hostile, value=1, text=hostile[:60]),))),
        examples.shown(parts.Note(text=hostile)),
        examples.shown(examples.figure(alt=hostile, caption=hostile)),
        examples.shown(examples.table(rows=2, caption=hostile, cell=hostile)),
        examples.cell(examples.display({"text/plain": hostile})),
        hostile,
    )
    issue, rendering = examples.render(
        *cells,
        doc=examples.document(mrid=hostile),
        letter=examples.newsletter(title=hostile, name=hostile),
    )
    for document in (rendering.article_html, rendering.mail_html):
        harmless(document)
    for file in (rendering.article_html, rendering.mail_html, rendering.mail_text):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", file)
    assert "\n" not in issue.subject
    assert all(re.fullmatch(r"[\w-]+\.(html|txt|ipynb|xml|png)", name) for name in rendering.files)


def test_what_utf_8_can_not_hold_is_left_out():
    """A lone surrogate, which a notebook's JSON can hold, keeps no issue from being written."""
    cell = examples.cell(examples.display({"text/plain": "plain \ud800"}))
    _, rendering = examples.render(cell, "prose \udfff")
    assert "plain" in rendering.files["article.html"].decode()
    assert "prose" in rendering.files["email.txt"].decode()
    assert json.loads(rendering.files["notebook.ipynb"])


def test_templates_are_not_evaluated_twice():
    """Template syntax in a headline is shown as it stands."""
    _, rendering = examples.render(examples.headline("{{7*7}} GW"))
    assert "{{7*7}} GW" in rendering.article_html
    assert "{{7*7}} GW" in rendering.mail_html
    assert "{{7*7}} GW" in rendering.mail_text


def test_a_part_made_by_hand_is_refused():
    """An output that only claims to be a part is an error that says which field is wrong."""
    cell = examples.cell(examples.display({parts.MIME: {"part": "note", "text": 5}}))
    with pytest.raises(RenderError, match=r"note\.text"):
        examples.render(cell)


# ── the article ────────────────────────────────────────────────────────────────────────────────


def test_the_article_needs_nothing_from_elsewhere(full):
    """Its images are files beside it; it has no script, style element or link to elsewhere."""
    article = full[1].article_html
    root = harmless(article)
    assert not list(root.iter("style", "link", "meta"))
    assert "<html" not in article
    addresses = [address for _, name, address, _ in root.iterlinks() if name != "srcset"]
    assert addresses == ["chart-1.png"]


@pytest.mark.parametrize(
    ("cell", "styled"),
    [
        (examples.shown(examples.table()), False),
        (examples.cell(examples.display({"text/html": '<p style="color: red">x</p>'})), True),
        (examples.cell(examples.display({"text/html": "<p>x</p>"})), False),
        ("| MW |\n|---:|\n| 5 |", True),
        ("| MW |\n|----|\n| 5 |", False),
    ],
)
def test_the_record_says_whether_a_policy_must_let_styles_in(cell, styled):
    """Style attributes come with a library's HTML and aligned Markdown columns: it is recorded."""
    issue, rendering = examples.render(cell)
    assert issue.styled is styled
    assert (" style=" in rendering.article_html) is styled


def test_the_article_can_be_walked_through(full):
    """It is one article with one h1 and headed columns; the section after it has a name."""
    root = lxml_html.fragment_fromstring(full[1].article_html, create_parent="main")
    assert [child.tag for child in root] == ["article", "section"]
    assert len(list(root.iter("h1"))) == 1
    assert [cell.get("scope") for cell in root.iter("th")] == ["col"] * 3
    (section,) = root.iter("section")
    assert root.get_element_by_id(section.get("aria-labelledby")).text_content()


def test_the_article_has_whole_tables():
    """What the mail cuts is in the article: every row and column."""
    _, rendering = examples.render(examples.shown(examples.table(rows=300, columns=9)))
    root = lxml_html.document_fromstring(rendering.article_html)
    (table,) = root.iter("table")
    assert [len(row) for row in table.iter("tr")] == [9] * 301


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2025-10-25T22:00Z", "2025-10-26T23:00Z", "Sunday 26 October 2025"),
        ("2025-10-24T22:00Z", "2025-10-26T23:00Z", "Sat 25 Oct 2025 – Sun 26 Oct 2025"),
        ("2025-06-01T08:00Z", "2025-06-01T09:00Z", "Sun 1 Jun 2025, 10:00–11:00 CEST"),
        (
            "2025-10-26T00:30Z",
            "2025-10-26T01:30Z",
            "26 Oct 2025 02:30 CEST – 26 Oct 2025 02:30 CET",
        ),
    ],
)
def test_periods_are_told_in_local_time(start, end, said):
    """Whole days by their dates, else by the clock, which tells both 02:30 of autumn apart."""
    moments = map(datetime.fromisoformat, (start, end))
    assert when.period(*moments, "Europe/Berlin") == said


# ── the mail ───────────────────────────────────────────────────────────────────────────────────


def test_the_mail_holds_in_old_clients(full):
    """Layout by tables, styles inlined, images by cid with alt text and size, no script."""
    root = harmless(full[1].mail_html)
    assert {address for _, name, address, _ in root.iterlinks() if name == "src"} == {
        f"cid:{image.cid}" for image in full[1].images
    }
    for image in root.iter("img"):
        assert image.get("alt")
        assert (image.get("width"), image.get("height")) == ("624", "312")
    assert "font-size" in next(root.iter("h1")).get("style")
    (kept,) = root.iter("style")
    assert "prefers-color-scheme: dark" in kept.text
    for table in root.iter("table"):
        assert table.get("role") == "presentation" or table.get("class") == "data"


def test_the_mail_begins_with_its_lede(full):
    """The first words, which inboxes show beside the subject, are the lede."""
    root = lxml_html.document_fromstring(full[1].mail_html)
    assert root.find("body").text_content().strip().startswith(examples.LEDE)


def test_the_mail_has_a_place_for_what_is_the_reader_s(full):
    """Greeting and unsubscribe link have one slot each: under the preheader, and in the footer."""
    html = full[1].mail_html
    assert html.count(GREETING_SLOT) == html.count(UNSUBSCRIBE_SLOT) == 1
    before, _, after = html.partition(GREETING_SLOT)
    assert examples.LEDE in before
    assert "<h1" in after
    assert "You get this mail" in html.partition(UNSUBSCRIBE_SLOT)[0]


def test_the_mail_cuts_tables_and_says_so():
    """A table has 70 rows and 6 columns at most, then a link to the page that has all."""
    issue, rendering = examples.render(examples.shown(examples.table(rows=300, columns=9)))
    root = lxml_html.document_fromstring(rendering.mail_html)
    (table,) = root.find_class("data")
    assert [len(row) for row in table.iter("tr")] == [6] * 71
    (more,) = root.find_class("more")
    assert more.text_content() == "All 300 rows and 9 columns are on the page"
    assert more.find("a").get("href") == examples.page_url(issue.path)
    assert "(All 300 rows and 9 columns are on the page.)" in rendering.mail_text


def test_the_mail_cuts_html_tables_alike():
    """A library's table is cut to the same size as one of ours, a wide cell counted in full."""
    wide = "<tr><th colspan=4>a</th><th colspan=4>b</th></tr>"
    html = f"<table>{wide}{('<tr>' + '<td>1</td>' * 8 + '</tr>') * 90}</table>"
    _, rendering = examples.render(examples.cell(examples.display({"text/html": html})))
    root = lxml_html.document_fromstring(rendering.mail_html)
    (foreign,) = root.find_class("foreign")
    rows = [len(row) for row in foreign.iter("tr")]
    assert rows == [1] + [6] * 70
    assert "All 90 rows and 8 columns are on the page" in rendering.mail_html


def test_the_mail_cuts_long_cells():
    """A cell of a novel's length is cut in the mail and whole on the page."""
    _, rendering = examples.render(examples.shown(examples.table(rows=3, cell="x" * 9_000)))
    (table,) = lxml_html.document_fromstring(rendering.mail_html).find_class("data")
    assert {cell.text_content() for cell in table.iter("td") if cell.get("align")} == {
        "x" * 199 + "…"
    }
    assert "x" * 9_000 in rendering.article_html


@pytest.mark.parametrize(
    "cells",
    [
        [examples.table(rows=4_000, columns=20, cell="x" * 20)],
        [examples.table(rows=70, columns=6, cell="ö" * 9_000)],
        [examples.table(caption=f"Table {n}") for n in range(60)],
        [parts.Note(text="<&>" * 600)] * 10,
    ],
    ids=["long", "wide cells", "many", "notes"],
)
def test_the_mail_stays_in_its_budget(cells):
    """Whatever the tables, the HTML is under 102 KB and leads to the page."""
    issue, rendering = examples.render(*map(examples.shown, cells))
    assert len(rendering.mail_html.encode()) <= mail.BUDGET_BYTES < 102_000
    assert examples.page_url(issue.path) in rendering.mail_html


def test_long_prose_gives_way_before_the_mail_fails():
    """Prose over the budget is replaced by a link; the page has it."""
    _, rendering = examples.render("word " * 40_000)
    assert "More text is on the page" in rendering.mail_html
    assert rendering.article_html.count("word") >= 40_000


def test_a_mail_that_can_not_be_cut_is_an_error():
    """Notes alone over the budget are refused: they are what readers should not miss."""
    notes = [examples.shown(parts.Note(text="n" * 2_000)) for _ in range(60)]
    with pytest.raises(RenderError, match="bytes of HTML"):
        examples.render(*notes)


def test_the_text_part_reads_as_a_newsletter(full):
    """Underlined headline, aligned figures, lines of 78 characters at most, addresses aside."""
    text = full[1].mail_text
    lines = text.splitlines()
    assert lines[2:4] == [examples.HEADLINE, "=" * len(examples.HEADLINE)]
    assert "Figure 0   41.2 GW\nFigure 1  612.4 GW\nFigure 2       n/a\nFigure 3   −5.2 GW" in text
    assert [line for line in lines if len(line) > 78 and "https:" not in line] == []
    assert "Read the whole issue online" in text


# ── files ──────────────────────────────────────────────────────────────────────────────────────


def test_the_record_lists_every_file_with_its_sum(full):
    """`files` of the record has the SHA-256 of each file that is to stand beside it."""
    issue, rendering = full
    assert issue.files == {
        name: hashlib.sha256(data).hexdigest() for name, data in rendering.files.items()
    }
    assert set(issue.files) == {
        *("article.html", "email.html", "email.txt", "notebook.ipynb", "document.xml"),
        *("chart-1.png", "chart-1-dark.png"),
    }
    assert json.loads(rendering.files["notebook.ipynb"])["cells"]


def test_the_same_notebook_gives_the_same_bytes(full):
    """Another process, with other hash seeds, writes the same files: nothing depends on order."""
    code = (
        "import issue_examples as e; i, _ = e.render_notebook(e.full()); print(i.model_dump_json())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == full[0].model_dump_json()

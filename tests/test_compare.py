from __future__ import annotations

import pytest

import issue_examples as examples
from flows.issue import compare, content
from flows.notebook import parts


def read(*cells):
    """Return what a notebook with a headline and `cells` says."""
    return content.read(examples.notebook(examples.headline(), *cells), "a" * 20)


def tiles(*texts):
    """Return the cell of a row of tiles."""
    return examples.shown(examples.kpis(*texts))


def figure(*plotted):
    """Return the cell of a chart that draws `plotted`."""
    part = examples.figure().model_copy(update={"data": plotted})
    return examples.shown(part)


def plotted(*series, x=(1.0, 2.0)):
    """Return series over one x."""
    return parts.Plotted(x=x, series=series)


def series(*y, label="Solar", whole=""):
    """Return one series."""
    return parts.Series(label=label, y=y, whole=whole)


def differences(one, other):
    """Return what differs between two notebooks of one cell or none, by place."""
    before, after = (read(*([cell] if cell is not None else [])) for cell in (one, other))
    return {d.where: (d.archived, d.again) for d in compare.contents(before, after)}


TABLE = examples.table(rows=2)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (examples.headline("Wind falls"), examples.headline("Wind rises"), "headline"),
        (examples.headline(lede="a"), examples.headline(lede="b"), "lede"),
        (
            examples.shown(examples.kpis("1.0")),
            examples.shown(examples.kpis("1.1")),
            "KPI Figure 0",
        ),
        (
            examples.shown(examples.kpis("1")),
            examples.shown(examples.kpis("1", "2")),
            "KPI Figure 1",
        ),
        (
            examples.shown(TABLE),
            examples.shown(examples.table(rows=3)),
            "table Hourly means, rows",
        ),
        (
            examples.shown(TABLE),
            examples.shown(examples.table(rows=2, columns=4)),
            "table Hourly means, columns",
        ),
        (
            examples.shown(parts.Note(text="a")),
            examples.shown(parts.Note(text="a", level="warning")),
            "note 1, level",
        ),
        ("some prose", "other prose", "prose 1"),
        (
            examples.cell(examples.display({"text/plain": "a"})),
            examples.cell(examples.display({"text/plain": "b"})),
            "preformatted 1",
        ),
        (
            examples.cell(examples.display({"text/html": "<p>a</p>"})),
            examples.cell(examples.display({"text/html": "<p>b</p>"})),
            "foreign 1",
        ),
        (examples.shown(TABLE), None, "table 1"),
        (None, "prose", "prose 1"),
        (figure(plotted(series(1, 2))), figure(plotted(series(1, 3))), "chart 1, Solar at 2.0"),
        (figure(plotted(series(1, 2))), figure(plotted(series(1, None))), "chart 1, Solar at 2.0"),
        (
            figure(plotted(series(1, 2))),
            figure(plotted(series(1, 2), x=(1.0, 3.0))),
            "chart 1, x",
        ),
        (
            figure(plotted(series(1, 2))),
            figure(plotted(series(1, 2), series(3, 4, label="Wind"))),
            "chart 1, Wind",
        ),
        (
            figure(plotted(series(1, 2, whole="a"))),
            figure(plotted(series(1, 2, whole="b"))),
            "chart 1, Solar, between its shown points",
        ),
        (figure(plotted(series(1, 2))), figure(), "chart 1, x"),
    ],
)
def test_whatever_differs_is_named(one, other, expected):
    """Each part that differs is named by kind, place and name, and nothing beside it."""
    found = differences(one, other)
    assert expected in found
    assert set(found) <= {expected, f"{expected}, value"}
    assert differences(one, one) == {}


def test_a_part_that_is_gone_or_another_is_told():
    """Where one run shows a table and the other a note, both kinds are told."""
    found = differences(examples.shown(TABLE), examples.shown(parts.Note(text="a")))
    assert found == {"table 1": ("table", "note")}


def test_articles_are_compared_by_words_and_tags():
    """Ids and notices of change are left out, whitespace does not count, anything else does."""
    _, one = examples.render("prose")
    first, _ = examples.render(examples.shown(examples.kpis("1")))
    _, other = examples.render(
        "prose", letter=examples.newsletter(source_hash="cd" * 32), previous=first
    )
    assert one.article_html != other.article_html
    assert list(compare.articles(one.article_html, other.article_html)) == []
    spaced = one.article_html.replace("</p>", " </p>\n\n")
    assert list(compare.articles(one.article_html, spaced)) == []
    moved = one.article_html.replace("<p>prose</p>", '<p style="color: red">prose</p>')
    (difference,) = compare.articles(one.article_html, moved)
    assert (difference.archived, difference.again) == ("<p>", '<p style="color: red">')
    (difference,) = compare.articles(one.article_html, one.article_html.replace("</h1>", " x</h1>"))
    assert difference.again == f"{examples.HEADLINE} x"

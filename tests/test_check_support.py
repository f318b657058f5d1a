"""The mail against what mail programs show."""

from __future__ import annotations

import pytest

import issue_examples as examples
from flows.check import support

RICH = (
    examples.cell(examples.display({"text/plain": "a line\nand another"})),
    examples.cell(examples.display({"text/html": "<table><tr><td>7</td></tr></table>"})),
    "## Prose\n\n* with a [link](https://news.example/)\n\n> and a quote",
)


@pytest.fixture(scope="module")
def mails():
    """Mails that together use every part of the templates."""
    _, full = examples.render_notebook(examples.full())
    _, rich = examples.render(*RICH)
    return [full.mail_html, rich.mail_html]


def test_what_the_mail_uses_is_shown_everywhere_or_was_judged_to_degrade_well(mails):
    """Whatever of the templates some program does not show stands in the list, with why."""
    assert [feature.title for mail in mails for feature in support.unsupported(mail)] == []


def test_the_list_excuses_nothing_that_no_mail_uses(mails):
    """The list of what degrades well has no entry that is not needed."""
    used = {feature.title for mail in mails for feature in support.used(mail)}
    assert set(support.GRACEFUL) == used & set(support.GRACEFUL)
    assert all(support.GRACEFUL.values())


@pytest.mark.parametrize(
    ("html", "title", "client"),
    [
        ('<p style="display: flex">x</p>', "display:flex", "Outlook (Windows)"),
        ('<p style="position: absolute">x</p>', "position", "Gmail"),
        ('<p style="width: calc(50% - 1px)">x</p>', "CSS calc() function", "Outlook (Windows)"),
        (
            '<p style="background-image: linear-gradient(red, blue)">x</p>',
            "linear-gradient()",
            "GMX",
        ),
        ("<style>a:hover { color: red }</style>", ":hover", "Outlook (Windows)"),
        ("<style>@font-face { font-family: x }</style>", "@font-face", "Gmail"),
        ('<div style="margin: 2vw">x</div>', "vw unit", "Outlook (Windows)"),
        ("<video></video>", "<video> element", "Gmail"),
        ("<svg></svg>", "Embedded <svg> image", "Gmail"),
        ('<img srcset="a.png 2x">', "srcset and sizes attributes", "Outlook (Windows)"),
    ],
)
def test_what_programs_do_not_show_is_named_with_them(html, title, client):
    """An element, attribute, property, value, function, unit, selector or rule is recognized."""
    found = {feature.title: feature for feature in support.unsupported(html)}
    assert client in found[title].clients
    assert found[title].url.startswith("https://www.caniemail.com/features/")


def test_plain_markup_is_fine_everywhere():
    """A table with colours and weights, as pandas styles it, has nothing that is not shown."""
    html = '<table><tr><td style="background-color: #fee; font-weight: bold">7</td></tr></table>'
    assert support.unsupported(html) == ()

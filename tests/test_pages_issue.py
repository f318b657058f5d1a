from __future__ import annotations

import posixpath
import shlex
from datetime import datetime

import pytest

import archive_examples as examples
import issue_examples
from flows.archive.card import Card
from page_examples import CARDS, FOLDER, URL, issue_page, parsed, text


def test_the_issue_page_holds_the_article_as_it_is():
    """Not a byte of it is changed, whatever it looks like."""
    article = "<article>{{ 7 * 7 }} {% raw %} &amp; “é” \u00a0 <b>x</b></article>"
    assert article.encode() in issue_page(article=article)


def test_style_attributes_are_let_in_where_the_record_says_so():
    """Only the page of a styled issue has a policy that allows them."""
    plain = examples.issue()[0]
    assert b"style-src-attr" not in issue_page(plain)
    styled = plain.model_copy(update={"styled": True})
    assert b"style-src-attr &#39;unsafe-inline&#39;" in issue_page(styled)


def test_the_issue_page_leads_before_and_after():
    """Both neighbours by headline and period, for readers and for browsers."""
    page = parsed(issue_page(previous=CARDS[2], next=CARDS[3]))
    (nav,) = page.find_class("neighbours")
    assert CARDS[2].headline in text(nav.find_class("prev")[0])
    assert CARDS[3].headline in text(nav.find_class("next")[0])
    for rel, neighbour in (("prev", CARDS[2]), ("next", CARDS[3])):
        where = f"{'../' * 6}{neighbour.path}/index.html"
        assert page.xpath("//link[@rel=$rel]/@href", rel=rel) == [where]
    assert not parsed(issue_page()).find_class("neighbours")


def test_the_issue_page_says_what_took_its_place():
    """A superseded issue and a corrected one say so at the top, with a link."""
    issue = examples.issue("wind_solar", "DE_LU", 0)[0]
    corrected = Card.of(examples.correction(issue)[0])
    page = parsed(issue_page(issue, superseded_by=CARDS[1], corrected_by=corrected))
    notices = {text(notice).split(".")[0]: notice for notice in page.find_class("notice")}
    assert set(notices) == {"Corrected", "Replaced"}
    for name, card_ in (("Replaced", CARDS[1]), ("Corrected", corrected)):
        assert notices[name].xpath(".//a/@href") == [f"{'../' * 6}{card_.path}/index.html"]
    assert "Revision 2" in text(notices["Replaced"])
    (versions,) = page.xpath("//section[@aria-labelledby='versions']")
    assert "Replaced by revision 2, published" in text(versions)


def test_a_correction_leads_to_the_original():
    """Its page, one folder deeper, has right links too."""
    issue = examples.issue()[0]
    corrected = examples.correction(issue)[0]
    page = parsed(issue_page(corrected, corrects=Card.of(issue)))
    (versions,) = page.xpath("//section[@aria-labelledby='versions']")
    (link,) = versions.xpath(".//a/@href")
    assert posixpath.normpath(f"{corrected.path}/{link}") == f"{issue.path}/index.html"


def test_the_files_are_there_to_download():
    """Notebook, document, mail and record, each with its checksum but the record's own."""
    issue, rendering = issue_examples.render(doc=issue_examples.document())
    page = parsed(issue_page(issue))
    (section,) = page.xpath("//section[@aria-labelledby='files']")
    names = section.xpath(".//a/@href")
    assert names == ["notebook.ipynb", "document.xml", "email.html", "email.txt", "issue.json"]
    assert set(names[:-1]) <= {*rendering.files}
    assert issue.files["document.xml"][:12] in text(section)
    versions = page.xpath("//details//dt/text()")
    assert versions == list(issue.versions)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (URL, f"{URL}{{path}}/index.html"),
        (FOLDER, "/srv/some letters/{path}"),
        ("s3://bucket/letters/", "{id}"),
    ],
)
def test_the_command_reproduces_this_issue(url, address):
    """The command on the page is complete: what a shell makes of it names the issue."""
    issue = examples.issue()[0]
    (command,) = parsed(issue_page(issue, url=url)).find_class("command")
    expected = address.format(path=issue.path, id=issue.issue_id)
    assert shlex.split(text(command)) == ["gridletter", "reproduce", expected]


def test_the_command_of_a_correction_names_the_correction():
    """Where only an id can name it, that is the id of the rendering."""
    corrected = examples.correction(examples.issue()[0])[0]
    (command,) = parsed(issue_page(corrected, url="s3://bucket/")).find_class("command")
    assert text(command) == f"gridletter reproduce {corrected.render_id}"


def test_published_times_are_machine_readable():
    """The social metadata of an issue has its time of publication."""
    issue = examples.issue()[0]
    page = parsed(issue_page(issue))
    (said,) = page.xpath("//meta[@property='article:published_time']/@content")
    assert datetime.fromisoformat(said) == issue.published

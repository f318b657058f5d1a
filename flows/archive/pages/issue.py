"""The page of an issue: its article as it was written, and around it what the archive knows."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zoneinfo import ZoneInfo

from flows.archive import paths
from flows.archive.pages.frame import (
    ENVIRONMENT,
    ONLY_READ,
    About,
    Picture,
    Verbatim,
    is_public,
    render,
    short_date,
    stylesheet,
)
from flows.issue import DOCUMENT_FILE, MAIL_FILE, NOTEBOOK_FILE, TEXT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.archive.index import Around
    from flows.issue import Issue

_STYLE: Final = stylesheet("page.css", "issue.css")
_TEMPLATE: Final = ENVIRONMENT.get_template("issue.html")
# Style attributes take no hash; those of an issue are sanitized.
_STYLED: Final = f"style-src-attr 'unsafe-inline'; {ONLY_READ}"
_FILES: Final = {
    NOTEBOOK_FILE: ("Notebook", "as it ran, with its outputs"),
    DOCUMENT_FILE: ("Market document", "the XML that it ran on"),
    MAIL_FILE: ("The mail", "as it was sent, HTML"),
    TEXT_FILE: ("The mail as text", "its plain alternative"),
}
_SUM_DIGITS: Final = 12


@dataclass(frozen=True)
class Download:
    """A file beside the page; `digest` is the start of its SHA-256 in hexadecimal."""

    name: str
    label: str
    what: str
    digest: str


def issue_page(issue: Issue, article: str, around: Around, url: str) -> bytes:
    """Return the page of `issue`.

    Args:
        issue: The record.
        article: The issue's own HTML, as it stands in the archive.
        around: What is before and after it, what it replaced, what replaced it.
        url: The archive's address.
    """
    day = issue.start.astimezone(ZoneInfo(issue.zone.tz)).date()
    return render(
        _TEMPLATE,
        _STYLE,
        About(
            path=f"{issue.path}/{paths.PAGE}",
            title=f"{issue.headline} · {issue.title}, {issue.place}",
            description=issue.lede or f"{issue.title}, {issue.place}",
            kind="article",
            picture=Picture.of(issue),
        ),
        url,
        _STYLED if issue.styled else ONLY_READ,
        issue=issue,
        article=Verbatim(article),
        around=around,
        day=day.isoformat(),
        day_name=short_date(day),
        downloads=list(_downloads(issue)),
        command=f"gridletter reproduce {_address(issue, url)}",
    )


def _downloads(issue: Issue) -> Iterator[Download]:
    for name, (label, what) in _FILES.items():
        if name in issue.files:
            yield Download(name, label, what, issue.files[name][:_SUM_DIGITS])


def _address(issue: Issue, url: str) -> str:
    """Return what the command takes, quoted for a shell: the page's address or its folder."""
    if is_public(url):
        return shlex.quote(f"{url}{issue.path}/{paths.PAGE}")
    parts = urlsplit(url)
    if parts.scheme == "file":
        return shlex.quote(f"{url2pathname(parts.path)}{issue.path}")
    # A bucket without a public address: the command finds the issue by its id.
    return issue.render_id if issue.corrects else issue.issue_id

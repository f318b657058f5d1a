"""What all pages of the archive have: masthead, footer, policy, stylesheet and metadata.

A page is a template that extends `frame.html` and fills its blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from flows.archive import paths
from flows.archive.card import Card
from flows.archive.index import TITLE
from flows.issue import when
from flows.issue.identity import TEMPLATES as ISSUE_TEMPLATES
from flows.issue.templating import csp_hash, environment

if TYPE_CHECKING:
    from datetime import date, datetime
    from typing import Self

    from jinja2 import Template

    from flows.issue import Figure, Issue

TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Verbatim:
    """Markup that goes into a page as it is: ours, or made harmless before it was archived."""

    markup: str

    def __html__(self) -> str:
        """Return the markup, as markupsafe asks for it."""
        return self.markup


@dataclass(frozen=True)
class Stylesheet:
    """Rules for a page's `<style>` element; `source` lets them in by their hash (CSP 3)."""

    rules: Verbatim
    source: str


@dataclass(frozen=True)
class Picture:
    """A chart, and the folder of the archive that its files are in."""

    chart: Figure
    folder: str

    @classmethod
    def of(cls, issue: Card | Issue) -> Self | None:
        """Return the first chart of `issue`, None where it has none."""
        chart = issue.figure if isinstance(issue, Card) else next(iter(issue.figures), None)
        return None if chart is None else cls(chart, issue.path)


@dataclass(frozen=True)
class About:
    """A page for those who list it: browsers, search engines, other sites' social cards.

    `path` is where it stands in the archive.
    """

    path: str
    title: str
    description: str
    kind: Literal["website", "article"] = "website"
    picture: Picture | None = None


# What a page needs beside its own images and stylesheet, as directives of its policy.
ONLY_READ: Final = "form-action 'none'"
MAY_SEARCH: Final = "form-action 'self'"


def stylesheet(*names: str) -> Stylesheet:
    """Return the base styles, those of the frame and those in the files `names`, in this order."""
    files = [ISSUE_TEMPLATES / "base.css", TEMPLATES / "frame.css"]
    files += [
        next(folder / name for folder in (TEMPLATES, ISSUE_TEMPLATES) if (folder / name).exists())
        for name in names
    ]
    rules = "".join(file.read_text("utf-8") for file in files)
    return Stylesheet(Verbatim(rules), csp_hash(rules))


def render(
    template: Template,
    style: Stylesheet,
    about: About,
    url: str,
    policy: str = ONLY_READ,
    **context: object,
) -> bytes:
    """Return a page as UTF-8 HTML.

    Args:
        template: Extends `frame.html`.
        style: Its stylesheet.
        about: Where it stands, and its metadata.
        url: The archive's address. Metadata for other sites (canonical address, social cards) needs
            one that they can follow; a page of a local folder has none.
        policy: Directives of its Content Security Policy, for what it needs beside those.
        context: What the template asks for.
    """
    page = template.render(
        about=about,
        home=home(about.path),
        public=url if is_public(url) else "",
        style=style,
        policy=policy,
        **context,
    )
    return page.encode()


def home(path: str) -> str:
    """Return the relative way from the page at `path` to the archive's root, with a slash."""
    # With the dot no path that follows can be taken for an address with a scheme.
    return "../" * path.count("/") or "./"


def is_public(url: str) -> bool:
    """Return whether `url` is one that readers elsewhere can follow."""
    return url.startswith(("https://", "http://"))


def period(of: Card | Issue) -> str:
    """Return the period of an issue, for people, in its zone's time."""
    return when.period(of.start, of.end, of.zone.tz)


def short_date(day: date) -> str:
    """Return a day like `13 Jan 2025`."""
    return f"{day.day} {day:%b} {day.year}"


def stamp(moment: datetime, of: Card | Issue) -> str:
    """Return `moment` in the time of the issue's zone."""
    return when.stamp(moment, of.zone.tz)


ENVIRONMENT: Final = environment(TEMPLATES)
ENVIRONMENT.globals.update(
    site=TITLE,
    paths=paths,
    period=period,
    short_date=short_date,
    stamp=stamp,
)

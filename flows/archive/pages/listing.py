"""Pages of cards: the front page, and a page for each newsletter, zone and day."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Final

from flows.archive import paths
from flows.archive.index import TITLE
from flows.archive.pages.europe import europe
from flows.archive.pages.frame import (
    ENVIRONMENT,
    MAY_SEARCH,
    ONLY_READ,
    About,
    Picture,
    render,
    stylesheet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.archive.card import Card
    from flows.archive.index import Day, Scope

_STYLE: Final = stylesheet("listing.css", "cards.css", "search.css", "europe.css")
_LISTING: Final = ENVIRONMENT.get_template("listing.html")
_DAY: Final = ENVIRONMENT.get_template("day.html")
# The first card has a row to itself, the others stand three in a row.
_TILES: Final = 10
_ROWS: Final = 20


@dataclass(frozen=True)
class NamedMonth:
    """A month for people: `month` is like "2026-11"."""

    month: str
    year: str
    name: str

    @classmethod
    def of(cls, month: str) -> NamedMonth:
        """Return the month `month`."""
        year, number = month.split("-")
        return cls(month, year, calendar.month_name[int(number)])


def front_page(scope: Scope, url: str) -> bytes:
    """Return the front page of `scope`, which is all: map, latest issues, and ways in."""
    return _listing(
        scope,
        url,
        title=f"{TITLE}: newsletters on the power system of Europe",
        description="Newsletters that notebooks make of ENTSO-E market documents, as they come.",
    )


def newsletter_page(scope: Scope, url: str) -> bytes:
    """Return the page of a newsletter: its latest issues, its zones, its months."""
    return _listing(
        scope,
        url,
        title=f"{scope.title} · {TITLE}",
        description=f"{scope.title}: all issues of the newsletter, by zone and day.",
    )


def zone_page(scope: Scope, url: str) -> bytes:
    """Return the page of a zone: its latest issues, its newsletters, its months."""
    return _listing(
        scope,
        url,
        title=f"{scope.title} · {TITLE}",
        description=f"{scope.title}: all newsletters about the bidding zone, day by day.",
    )


def day_page(day: Day, url: str) -> bytes:
    """Return the page of a day: all its issues by newsletter, and those that were replaced."""
    current = day.shown
    kept = {card.path for card in current}
    return render(
        _DAY,
        _STYLE,
        About(
            path=paths.day_page(day.day),
            title=f"{_long(day.day)} · {TITLE}",
            description=f"All issues about {_long(day.day)}, by newsletter and zone.",
            picture=_picture(current),
        ),
        url,
        day=day.day,
        name=_long(day.day),
        month=NamedMonth.of(day.day[:7]),
        newsletters=[
            list(cards) for _, cards in groupby(current, key=lambda card: card.newsletter)
        ],
        replaced=[card for card in day.cards if card.path not in kept],
    )


def _listing(scope: Scope, url: str, *, title: str, description: str) -> bytes:
    path = f"{paths.scope_folder(scope.kind, scope.name)}{paths.PAGE}"
    shown = scope.shown
    is_front = scope.kind == "all"
    return render(
        _LISTING,
        _STYLE,
        About(path=path, title=title, description=description, picture=_picture(shown)),
        url,
        MAY_SEARCH if is_front else ONLY_READ,
        scope=scope,
        map=europe(scope.zones),
        newest={name: entry.rank[2].date() for name, entry in scope.titles.items()},
        tiles=shown[:_TILES],
        rows=shown[_TILES : _TILES + _ROWS] if is_front else shown[_TILES:],
        months=[NamedMonth.of(month) for month in scope.months],
    )


def _picture(cards: Iterable[Card]) -> Picture | None:
    """Return the picture for social cards: the first chart there is."""
    return next(filter(None, map(Picture.of, cards)), None)


def _long(day: str) -> str:
    """Return a day ("2026-11-24") like `Tuesday 24 November 2026`."""
    then = date.fromisoformat(day)
    return f"{then:%A} {then.day} {then:%B} {then.year}"

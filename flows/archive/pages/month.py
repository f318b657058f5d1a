"""A month as a calendar: which days have issues, of which newsletters, and how many."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from flows.archive import paths
from flows.archive.index import TITLE
from flows.archive.pages.frame import ENVIRONMENT, About, render, stylesheet
from flows.archive.pages.listing import NamedMonth

if TYPE_CHECKING:
    from flows.archive.index import Month

_STYLE: Final = stylesheet("listing.css", "calendar.css")
_TEMPLATE: Final = ENVIRONMENT.get_template("month.html")
_SHADES: Final = 4


@dataclass(frozen=True)
class CalendarDay:
    """A day of a month: `counts` by the newsletters' titles, `shade` from 0 to 4 by their sum."""

    day: str
    number: int
    weekday: str
    counts: tuple[tuple[str, int], ...]
    total: int
    shade: int


def month_page(month: Month, url: str) -> bytes:
    """Return the page of a month: its days, each with its issues counted by newsletter."""
    named = NamedMonth.of(month.month)
    name = f"{named.name} {named.year}"
    days = _days(month)
    return render(
        _TEMPLATE,
        _STYLE,
        About(
            path=paths.month_page(month.month),
            title=f"{name} · {TITLE}",
            description=f"All issues about {name}, day by day.",
        ),
        url,
        name=name,
        days=days,
        total=sum(day.total for day in days),
        weekdays=calendar.day_name,
        newsletters=month.newsletters,
    )


def _days(month: Month) -> list[CalendarDay]:
    year, number = map(int, month.month.split("-"))
    most = max((sum(counts.values()) for counts in month.days.values()), default=0)
    found = []
    for of_month in range(1, calendar.monthrange(year, number)[1] + 1):
        day = f"{month.month}-{of_month:02d}"
        counts = month.days.get(day, {})
        total = sum(counts.values())
        by_title = [(month.newsletters[name], count) for name, count in counts.items()]
        found.append(
            CalendarDay(
                day=day,
                number=of_month,
                weekday=calendar.day_name[calendar.weekday(year, number, of_month)],
                counts=tuple(sorted(by_title)),
                total=total,
                shade=ceil(_SHADES * total / most) if most else 0,
            )
        )
    return found

"""What is searched: cards as records, in bundles that are small to make and few to read.

Making a bundle takes time for each card in it, so a month is halved by its days until no part has
more than `MOST_CARDS`. The parts follow from how many issues each day has, and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flows.archive.search_pagefind import Record, canonical, run
from flows.issue import when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.archive.card import Card

MOST_CARDS: Final = 128
_LAST_DAY: Final = 31
_ROOM: Final = 32


@dataclass(frozen=True)
class Span:
    """Consecutive days of a month ("2026-11"): `first` to `last`, numbered from 1."""

    month: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """What the span's bundle is called, like "2026-11-01-16"."""
        return f"{self.month}-{self.first:02}-{self.last:02}"

    @property
    def days(self) -> tuple[str, ...]:
        """Its days, like "2026-11-24"; a short month does not have the last ones."""
        return tuple(f"{self.month}-{day:02}" for day in range(self.first, self.last + 1))


def spans(month: str, counts: Mapping[str, int]) -> Iterator[Span]:
    """Yield the parts of the month that have issues, first to last; `counts` are by day."""

    def parts(first: int, size: int) -> Iterator[Span]:
        span = Span(month, first, min(first + size - 1, _LAST_DAY))
        issues = sum(counts.get(day, 0) for day in span.days)
        if issues > MOST_CARDS and size > 1:
            yield from parts(first, size // 2)
            yield from parts(first + size // 2, size // 2)
        elif issues:
            yield span

    return parts(1, _ROOM)


def bundle(cards: Sequence[Card]) -> dict[str, bytes]:
    """Return the files of a bundle of `cards`, by path: the same bytes for the same cards.

    Its entry, pagefind-entry.json, leads to all others, which are named by what they hold.

    Raises:
        RenderError: Pagefind is not installed, or failed.
    """
    return canonical(run([_record(card) for card in sorted(cards, key=lambda card: card.path)]))


def _record(card: Card) -> Record:
    figures = [f"{kpi.label}: {kpi.text} {kpi.unit} {kpi.note}" for kpi in card.kpis]
    # Pagefind takes two names with a dash between for one word.
    place = f"{card.place.replace('–', ' – ')} ({card.zone.code})"
    said = [" ".join(text.split()).rstrip(".") for text in (card.lede, *figures, place)]
    zones = [zone.code for zone in (card.zone, card.counter_zone) if zone is not None]
    return Record(
        url=f"{card.path}/index.html",
        content=". ".join(text for text in said if text),
        # Searched as well, the title first of all.
        meta={
            "title": card.headline,
            "newsletter": card.title,
            "place": card.place,
            "period": when.period(card.start, card.end, card.zone.tz),
            "day": card.day.isoformat(),
        },
        filters={"newsletter": [card.newsletter], "zone": zones},
        # Of two that begin at once, the later document is the newer.
        sort={"start": f"{card.start.isoformat()} {card.created.isoformat()} {card.path}"},
    )

"""An issue as listings know it: what cards, feeds, sitemaps and search say, and where it leads."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from flows.issue.inert import Line
from flows.issue.issue import Figure, Id, Utc, Zone
from flows.notebook.parts import Kpi

if TYPE_CHECKING:
    from datetime import date, datetime
    from typing import Self

    from flows.issue import Issue

MOST_KPIS = 4

# ZoneInfo keeps eight and reads any other from disk each time; Europe has more.
_time_zone = cache(ZoneInfo)


class Card(BaseModel):
    """One rendering of an issue, without its content. Times are UTC; `path` leads to its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issue_id: Id
    render_id: Id
    path: str
    newsletter: Line
    title: Line
    zone: Zone
    counter_zone: Zone | None
    document_key: str
    revision: int
    provisional: bool
    start: Utc
    end: Utc
    created: Utc
    published: Utc
    headline: Line
    lede: Line
    kpis: tuple[Kpi, ...]
    figure: Figure | None
    supersedes: Id | None
    corrects: Id | None

    @classmethod
    def of(cls, issue: Issue) -> Self:
        """Return the card of `issue`: its first KPIs, its first chart."""
        # The issue is checked already, and a rebuild makes thousands of cards.
        return cls.model_construct(
            issue_id=issue.issue_id,
            render_id=issue.render_id,
            path=issue.path,
            newsletter=issue.newsletter,
            title=issue.title,
            zone=issue.zone,
            counter_zone=issue.counter_zone,
            document_key=issue.document_key,
            revision=issue.revision,
            provisional=issue.provisional,
            start=issue.start,
            end=issue.end,
            created=issue.created,
            published=issue.published,
            headline=issue.headline,
            lede=issue.lede,
            kpis=issue.kpis[:MOST_KPIS],
            figure=issue.figures[0] if issue.figures else None,
            supersedes=issue.supersedes,
            corrects=issue.corrects,
        )

    @property
    def day(self) -> date:
        """The day on which the period starts, in the zone's time."""
        return self.start.astimezone(_time_zone(self.zone.tz)).date()

    @property
    def month(self) -> str:
        """The month of that day, like "2026-11"."""
        return self.day.isoformat()[:7]

    @property
    def place(self) -> str:
        """The zone's name or, for a border, both: energy goes from the counter zone to the zone."""
        if self.counter_zone is None:
            return self.zone.name
        return f"{self.counter_zone.name} → {self.zone.name}"

    @property
    def rank(self) -> tuple[datetime, Id, datetime, Id]:
        """What orders all renderings of all issues, newest document first in reverse."""
        return self.created, self.issue_id, self.published, self.render_id

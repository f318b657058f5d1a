"""Cards to be searched, and an archive that has them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.archive.card import Card
from flows.archive.hands import Hands
from flows.archive.search import Search
from flows.archive.shards import Shards
from flows.document import zone
from flows.issue.issue import Zone
from flows.notebook.parts import Kpi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.archive.store import Store

TITLES = {
    "wind_solar": "Wind & solar forecast",
    "load": "Load",
    "day_ahead_prices": "Day-ahead prices",
}


def card(number: int = 0, **changes: object) -> Card:
    """Return a card; each number is another issue, a day later than the one before."""
    start = changes.pop("start", datetime(2026, 11, 1, 23, tzinfo=UTC) + timedelta(days=number))
    code = str(changes.pop("zone", "DE_LU"))
    newsletter = str(changes.pop("newsletter", "wind_solar"))
    issue_id = hashlib.sha256(f"{number} {newsletter} {code}".encode()).hexdigest()[:20]
    fields = {
        "issue_id": issue_id,
        "render_id": issue_id[::-1],
        "newsletter": newsletter,
        "title": TITLES[newsletter],
        "zone": Zone.of(zone(code)),
        "counter_zone": None,
        "document_key": issue_id,
        "revision": 1,
        "provisional": False,
        "start": start,
        "end": start + timedelta(days=1),
        "created": start - timedelta(hours=8),
        "published": start - timedelta(hours=7),
        "headline": f"Solar peaks at {number} MW",
        "lede": "A windy night follows.",
        "kpis": (Kpi(label="Energy", value=number, text=f"{number}", unit="GWh"),),
        "figure": None,
        "supersedes": None,
        "corrects": None,
        **changes,
    }
    made = Card.model_validate({**fields, "path": "issues"})
    day = made.day
    path = f"issues/{newsletter}/{code}/{day:%Y/%m-%d}/{made.issue_id}"
    return made.model_copy(update={"path": path})


class Filled:
    """The parts of an archive that search is made of."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shards = Shards(store, Hands(store))
        self.search = Search(store, Hands(store), self.shards)

    def add(self, cards: Sequence[Card]) -> None:
        """Add the cards to the shards, and not to the search index."""
        for each in cards:
            self.shards.add(each, [])

    def publish(self, cards: Sequence[Card]) -> None:
        """Add the cards to the shards, then their days to the search index."""
        self.add(cards)
        self.search.refresh({each.day.isoformat() for each in cards})

    def files(self) -> dict[str, bytes]:
        """Return everything that search has in the store."""
        return {path: self.store.get(path) for path in self.store.list("search")}

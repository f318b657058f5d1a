"""Which messages have a flow run: looked up among the pool's recent runs, some at a time.

A run is recognized by the digest of its parameter. Each run answers for one message: an equal one
that comes later gets a run of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from flows.serve.names import POOL, PUBLISH

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.claims import Claims

# The clocks of the API and of this machine may differ by that much.
_SKEW: Final = timedelta(seconds=60)
# A run is stored a while after the time for which it says that it was made.
_OVERLAP: Final = timedelta(seconds=60)
_PAGE: Final = 20
_MOST_FREE: Final = 1_000


class Confirmer:
    """Finds the flow runs of messages; remembers those of the last minute, and some of others."""

    def __init__(self, client: SyncPrefectClient, claims: Claims) -> None:
        self._client = client
        self._claims = claims
        self._newest = datetime.fromtimestamp(0, UTC)
        self._free: OrderedDict[str, str] = OrderedDict()
        self._seen: dict[str, datetime] = {}

    def look(self, received: datetime) -> None:
        """Look at the runs since the last look, or since a message was received.

        Raises:
            HTTPError: the API is away.
        """
        since = max(received - _SKEW, self._newest - _OVERLAP)
        self._seen = {run_id: at for run_id, at in self._seen.items() if at >= since}
        while runs := self._page(since):
            for run in runs:
                expected = datetime.fromisoformat(run["expected_start_time"])
                self._newest = max(self._newest, expected)
                self._seen[run["id"]] = expected
                parameter = (run["parameters"] or {}).get("event_msg")
                if isinstance(parameter, str):
                    self._free[run["id"]] = self._claims.digest(parameter)
            while len(self._free) > _MOST_FREE:
                self._free.popitem(last=False)

    def take(self, digest: str) -> str | None:
        """Return the id of a run of a message with this digest that answers for no other one."""
        run_id = next((run_id for run_id, each in self._free.items() if each == digest), None)
        if run_id is not None:
            del self._free[run_id]
        return run_id

    def _page(self, since: datetime) -> list[dict[str, Any]]:
        response = self._client.request(
            "POST",
            "/flow_runs/filter",
            json={
                "flow_runs": {
                    "expected_start_time": {"after_": since.isoformat()},
                    "id": {"not_any_": list(self._seen)},
                },
                "flows": {"name": {"any_": [PUBLISH]}},
                "work_pools": {"name": {"any_": [POOL]}},
                "sort": "EXPECTED_START_TIME_ASC",
                "limit": _PAGE,
            },
        )
        return cast("list[dict[str, Any]]", response.json())

"""A runner's sign of life, sent beside its work; it notices when the API is away."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Self

import httpx
from prefect.client.orchestration import get_client

from flows.serve.runs import HEARTBEAT_SECONDS, Pool, there_is_no_pool

if TYPE_CHECKING:
    from types import TracebackType

# The client waits and asks again by itself, so an absence shows in how long an answer takes.
_SLOW_SECONDS: Final = 5
_UNTIL_DEPLOYED_SECONDS: Final = 1


class Heartbeat:
    """Sends heartbeats to the pool under the runner's name while its context lasts."""

    def __init__(self, pool: str, runner: str) -> None:
        self._pool = pool
        self._runner = runner
        self._stop = threading.Event()
        self._missed = -1.0
        self._asked: float | None = None
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()

    def missed_since(self, moment: float) -> bool:
        """Return whether the API was away at some time after `moment` (of the monotonic clock)."""
        asked = self._asked
        waits = asked is not None and time.monotonic() - asked > _SLOW_SECONDS
        return waits or self._missed >= moment

    def _beat(self) -> None:
        with get_client(sync_client=True) as client:
            pool = Pool(client, self._pool)
            while not self._stop.is_set():
                self._asked = time.monotonic()
                wait: float = HEARTBEAT_SECONDS
                try:
                    pool.heartbeat(self._runner)
                except httpx.HTTPError as error:
                    if there_is_no_pool(error):
                        wait = _UNTIL_DEPLOYED_SECONDS
                    else:
                        self._missed = time.monotonic()
                else:
                    if time.monotonic() - self._asked > _SLOW_SECONDS:
                        self._missed = time.monotonic()
                self._asked = None
                self._stop.wait(wait)

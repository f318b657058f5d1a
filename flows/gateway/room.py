"""Memory that requests share: bodies that come at once are bounded as a whole, not only each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY_AFTER_SECONDS: Final = 10


class Hold:
    """What one request holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def take(self, more_bytes: int) -> None:
        """Hold that many more.

        Raises:
            HTTPException: 503, as others hold the rest.
        """
        if self._room.free_bytes < more_bytes:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Connection": "close"}
            raise HTTPException(503, "too much is being received just now", headers)
        self._room.free_bytes -= more_bytes
        self._bytes += more_bytes

    def release(self) -> None:
        """Hold nothing any more."""
        self._room.free_bytes += self._bytes
        self._bytes = 0


class Room:
    """Room for `most_bytes`; of one event loop, so nothing is locked."""

    def __init__(self, most_bytes: int) -> None:
        self.free_bytes = most_bytes

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """Hold nothing at first, and again nothing at the end."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            hold.release()

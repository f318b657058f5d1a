"""A bell between processes: the Prefect server rings it for each flow run, a free runner hears it.

It is a pipe that all of them were born with. A ring is a byte in it, so one ring wakes one runner;
a ring that is lost, with who heard it, costs the time until a runner asks by itself.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import Final

_RING: Final = b"."


class Bell:
    """One end of the bell, by its file descriptor; -1 where there is none, which never rings."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        if self:
            os.set_blocking(descriptor, False)

    def __bool__(self) -> bool:
        return self._descriptor >= 0

    def ring(self) -> None:
        """Wake one who waits, or the next who will."""
        # With a full pipe there are more rings than runners, who ask until nothing is left.
        with suppress(BlockingIOError):
            os.write(self._descriptor, _RING)

    def wait(self, seconds: float) -> bool:
        """Wait so long for a ring; return whether it is this one's."""
        select.select([self._descriptor], [], [], seconds)
        try:
            return bool(os.read(self._descriptor, len(_RING)))
        except BlockingIOError:
            return False

"""The names by which Prefect knows what belongs to `serve`."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

POOL: Final = "gridletter"
PUBLISH: Final = "publish"
RESUME: Final = "resume/gridletter"
RUNNER_PREFIX: Final = "gridletter "
_DIGITS: Final = 8


def runner_name(home: Path, process: str) -> str:
    """Return the name of a runner: no other one that is alive, of any home or machine, has it.

    One home has one `serve` at a time, and that has one process of a name.
    """
    place = hashlib.sha256(str(home).encode()).hexdigest()[:_DIGITS]
    # Prefect allows neither character in the name of a worker.
    machine = socket.gethostname().replace("/", "-").replace("%", "-")
    return f"{RUNNER_PREFIX}{machine} {place} {process}"

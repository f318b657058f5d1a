"""Waiting for what other processes do, and ports for them."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_Found = TypeVar("_Found")


def until(holds: Callable[[], _Found], seconds: float, what: str) -> _Found:
    """Wait until `holds` gives something, and return that; fail after so many seconds."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := holds():
            return found
        time.sleep(0.1)
    pytest.fail(f"{what} did not come within {seconds:g} s")


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])

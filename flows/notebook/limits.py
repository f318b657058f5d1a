"""What one run of a notebook may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MB: Final = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Bounds of one run; a megabyte (MB) is a million bytes.

    `memory_mb` bounds the address space of each single process of the run, on Linux only.
    `output_mb` bounds all that the cells print and show together, as JSON.
    """

    deadline_seconds: float
    memory_mb: int
    output_mb: int

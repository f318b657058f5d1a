"""Has anything become slower? Ratios against those of another time, whatever the machine.

Seconds mean nothing on another machine, and ratios little on a busy one: what is told is a ratio
that is worse by more than half as much again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from benchmarks.row import Aim, Row

MARGIN: Final = 1.5


def read(file: Path) -> dict[str, float]:
    """Return the ratios by row of a file that `--json` wrote."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {row["row"]: row["ratio"] for row in rows}


def regressions(
    rows: Iterable[Row], before: Mapping[str, float], aims: Mapping[str, Aim]
) -> list[str]:
    """Return a line for each row that is worse than `before` by more than the margin."""
    found = []
    for row in rows:
        known = before.get(row.row)
        if known is None:
            continue
        slower = known / row.ratio if aims[row.row].upward else row.ratio / known
        if slower > MARGIN:
            found.append(f"{row.row}: {row.ratio:.2f}, was {known:.2f}: {slower:.1f} times worse")
    return found

"""Where values of one series overlap, the one that stands later in the document holds."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.document.curve import Integers


class Rows(NamedTuple):
    """Values over time: row i holds from starts[i] to ends[i] (ns); rows do not overlap."""

    starts: Integers
    ends: Integers


class Kept(NamedTuple):
    """What is left of a set of rows: row numbers, each with the time that it still holds for."""

    rows: Integers
    starts: Integers
    ends: Integers


def later_wins(blocks: Sequence[Rows]) -> list[Kept] | None:
    """Return what is left of each block where a later one covers it; None where no two overlap.

    A value that is covered in part keeps the rest of its time, since it holds at every moment of
    it; one whose middle is covered becomes two rows.
    """
    by_start = sorted(blocks, key=lambda block: block.starts[0])
    pairs = pairwise(by_start)
    if all(ahead.ends[-1] <= block.starts[0] for ahead, block in pairs):
        return None
    sizes = [len(block.starts) for block in blocks]
    owners = np.repeat(np.arange(len(blocks)), sizes)
    rows = np.concatenate([np.arange(size) for size in sizes])
    starts = np.concatenate([block.starts for block in blocks])
    ends = np.concatenate([block.ends for block in blocks])
    kept = np.array(_sweep(starts, ends, owners), dtype=np.int64)
    kept = kept[np.argsort(owners[kept[:, 0]], kind="stable")]
    places = np.searchsorted(owners[kept[:, 0]], np.arange(1, len(blocks)))
    return [Kept(rows[part[:, 0]], part[:, 1], part[:, 2]) for part in np.split(kept, places)]


def _sweep(starts: Integers, ends: Integers, owners: Integers) -> list[tuple[int, int, int]]:
    """Return (row, start, end) of each stretch of time and the row with the highest owner then."""
    order = np.argsort(starts, kind="stable").tolist()
    begin, finish, owner = starts.tolist(), ends.tolist(), owners.tolist()
    edges = np.unique(np.concatenate([starts, ends])).tolist()
    visible: list[tuple[int, int, int]] = []
    active: list[tuple[int, int]] = []
    waiting = 0
    for now, until in pairwise(edges):
        while waiting < len(order) and begin[order[waiting]] == now:
            heappush(active, (-owner[order[waiting]], order[waiting]))
            waiting += 1
        while active and finish[active[0][1]] <= now:
            heappop(active)
        if not active:
            continue
        row = active[0][1]
        if visible and visible[-1][0] == row:
            visible[-1] = (row, visible[-1][1], until)
        else:
            visible.append((row, now, until))
    return visible

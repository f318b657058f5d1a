"""A curve of values, and how it fills the time grid of its period."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from flows.document.resolution import Grid

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

VARIABLE_BLOCKS = "A03"
"""Curve type: a value holds until the next position stated, or the end of the period."""


class Curve(NamedTuple):
    """One measure of one period: a value (in `unit`) for each point, NaN where it has none.

    `categories` and `directions` are what each point says beside its number; None where nothing.
    """

    measure: str
    unit: str | None
    positions: Integers
    values: Floats
    categories: Objects
    directions: Objects

    def at(self, numbers: Integers) -> Curve:
        """Return the curve of the points with these numbers only."""
        return self._replace(
            positions=self.positions[numbers],
            values=self.values[numbers],
            categories=self.categories[numbers],
            directions=self.directions[numbers],
        )


class Filled(NamedTuple):
    """A curve on its grid: row i holds from starts[i] to ends[i] (ns since 1970, UTC).

    `points` is the number of the point that each row takes its value from, -1 where none does;
    None where row i takes that of point i, and all points are taken.
    """

    starts: Integers
    ends: Integers
    points: Integers | None


def fill(curve: Curve, places: Grid, *, variable: bool, steps: bool) -> Filled:
    """Return where on its grid the curve's values hold.

    Args:
        curve: positions and values.
        places: the grid of its period.
        variable: curve type A03, a value holds until the next position; else for its own only.
        steps: one row for each value as stated, instead of one for each place of the grid.

    Raises:
        ValueError: a position comes twice or is beyond the period.

    """
    first, order = curve.positions - 1, None
    if not (first[1:] > first[:-1]).all():
        order = np.argsort(first, kind="stable")
        first = first[order]
        again = np.flatnonzero(np.diff(first) == 0)
        if again.size:
            raise ValueError(f"has position {first[again[0]] + 1} twice")
    if first[-1] >= places.count:
        raise ValueError(f"has position {first[-1] + 1}, but only {places.count} places")
    following = np.append(first[1:], places.count) if variable else first + 1
    if steps:
        return Filled(places.at(first), places.at(following), order)
    edges = places.at(np.arange(places.count + 1, dtype=np.int64))
    if len(first) == places.count:
        return Filled(edges[:-1], edges[1:], order)
    order = np.arange(len(first)) if order is None else order
    points = np.full(places.count, -1, dtype=np.int64)
    if variable:
        points[first[0] :] = np.repeat(order, following - first)
    else:
        points[first] = order
    return Filled(edges[:-1], edges[1:], points)

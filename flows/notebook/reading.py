"""From a market document's rows to time series on one grid, and the sums that desks ask for.

A grid is an index of equal steps in zone-local time without a hole; each value is the mean over its
step. Everything here keeps a missing value missing: a mean or a sum over nothing is NaN, never 0,
and the mean of an hour that lacks a quarter is NaN too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, overload

import numpy as np
import pandas as pd

from flows.errors import DocumentError
from flows.notebook.theme import STACK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flows.document import MarketDocument

Values = TypeVar("Values", "pd.Series[float]", pd.DataFrame)

HOUR: Final = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Span:
    """A stretch of time, from `start` to `end` (zone-local), and a figure for it."""

    start: pd.Timestamp
    end: pd.Timestamp
    value: float


def by_type(document: MarketDocument, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one column for each production type code, in the document's unit (MW), as stacked.

    The grid reaches from the document's start to its end in the longest step that divides every
    interval: an hourly value beside quarters stands in all four, so nothing is lost or made up.
    Where there is no value it is NaN.

    Args:
        document: Whose period and time zone count.
        rows: Some of the rows of `document.frame`; all by default.

    Raises:
        DocumentError: two values of one type for the same time (directions and auction sequences
            are to be told apart first), or no value at all.
    """
    rows = document.frame if rows is None else rows
    if rows.empty:
        raise DocumentError(
            f"the document {document.mrid} has no values to show",
            remedy="Nothing to do: the platform sent an empty series.",
        )
    index = _grid(document, rows)
    columns = {
        str(psr_type): _on_grid(index, group, str(psr_type))
        for psr_type, group in rows.groupby("psr_type")
    }
    known = [code for code in STACK if code in columns]
    others = sorted(columns.keys() - set(known))
    return pd.DataFrame(columns, index=index)[known + others]


def single(document: MarketDocument, rows: pd.DataFrame | None = None) -> pd.Series[float]:
    """Return the document's one series on the grid of `by_type`, whatever its production types.

    Raises:
        DocumentError: two values for the same time, or no value at all.
    """
    rows = document.frame if rows is None else rows
    return by_type(document, rows.assign(psr_type="value"))["value"]


def _grid(document: MarketDocument, rows: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the zone-local starts of equal steps that divide the period and every interval."""
    first = min(pd.Timestamp(document.start), rows["start"].min())
    last = max(pd.Timestamp(document.end), rows["end"].max())
    marks = pd.concat([rows["start"], rows["end"], pd.Series([last])])
    seconds = ((marks - first) / pd.Timedelta(seconds=1)).astype("int64").to_numpy()
    step = pd.Timedelta(seconds=int(np.gcd.reduce(seconds)))
    whole = pd.date_range(first, last, freq=step, inclusive="left", name="start")
    return whole.tz_convert(document.zone.tz)


def _on_grid(index: pd.DatetimeIndex, rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    starts = index.get_indexer(pd.DatetimeIndex(rows["start"]))
    lengths = ((rows["end"] - rows["start"]).to_numpy() // _step(index).to_timedelta64()).astype(
        int
    )
    places = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    if len(np.unique(places)) != len(places):
        raise DocumentError(
            f"several values of {name} for the same time",
            remedy="Choose one direction or one auction sequence of the frame first.",
        )
    values = np.full(len(index), np.nan)
    values[places] = np.repeat(rows["value"].to_numpy(dtype=float), lengths)
    return values


def grid_of(values: pd.Series[Any] | pd.DataFrame) -> pd.DatetimeIndex:
    """Return the index of `values`.

    Raises:
        TypeError: it is no grid, for instance because rows were dropped.
    """
    index = values.index
    if not isinstance(index, pd.DatetimeIndex) or index.freq is None or index.tz is None:
        message = "values must stand on a grid as by_type and single give it, no row dropped"
        raise TypeError(message)
    return index


def step(values: pd.Series[Any] | pd.DataFrame) -> pd.Timedelta:
    """Return the length of one step of the grid."""
    return _step(grid_of(values))


def _step(index: pd.DatetimeIndex) -> pd.Timedelta:
    return pd.Timedelta(cast("Any", index.freq))


def step_hours(values: pd.Series[Any] | pd.DataFrame) -> float:
    """Return the length of one step of the grid in hours: 0.25 for quarters."""
    return step(values) / HOUR


def edges(values: pd.Series[Any] | pd.DataFrame) -> pd.DatetimeIndex:
    """Return the boundaries of the steps, one more than values: what a step chart is drawn on."""
    index = grid_of(values)
    return pd.date_range(index[0], periods=len(index) + 1, freq=_step(index))


@overload
def energy_gwh(megawatts: pd.Series[float]) -> float: ...
@overload
def energy_gwh(megawatts: pd.DataFrame) -> pd.Series[float]: ...
def energy_gwh(megawatts: pd.Series[float] | pd.DataFrame) -> pd.Series[float] | float:
    """Return the energy in GWh of a series, or of each column; NaN where all of it is missing.

    What is missing in part adds nothing: say so beside the figure (`missing_hours`).
    """
    return megawatts.sum(min_count=1) * (step_hours(megawatts) / 1000)


@overload
def missing_hours(values: pd.Series[float]) -> float: ...
@overload
def missing_hours(values: pd.DataFrame) -> pd.Series[float]: ...
def missing_hours(values: pd.Series[float] | pd.DataFrame) -> pd.Series[float] | float:
    """Return for how many hours a series, or each column, has no value."""
    return values.isna().sum() * step_hours(values)


def hourly(values: Values) -> Values:
    """Return the mean of each local hour (24 rows; 23 or 25 when the clocks change).

    The mean of all its quarters, never a sample of one. An hour with a missing quarter is NaN. A
    series in longer steps than an hour stays as it is.
    """
    index = grid_of(values)
    per_hour = round(HOUR / _step(index))
    if per_hour <= 1:
        return values
    hours = index.tz_convert("UTC").floor("h").tz_convert(index.tz)
    grouped = values.groupby(hours)
    means = grouped.mean().where(grouped.count() == per_hour)
    means.index = pd.date_range(hours[0], periods=len(means), freq=HOUR, name=index.name)
    return means


def hourly_change(values: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    """Return by how much each hour's mean differs from the one `before`, column by column.

    NaN where either has no value: everywhere, if there is nothing to compare with.
    """
    hours = hourly(values)
    if before is None:
        return hours * np.nan
    change = hours - hourly(before).reindex(index=hours.index, columns=hours.columns)
    return change.set_axis(hours.index)


def highest(values: pd.Series[float]) -> Span | None:
    """Return the step with the highest value, the first of several; None where all is missing."""
    return _extreme(values, largest=True)


def lowest(values: pd.Series[float]) -> Span | None:
    """Return the step with the lowest value, the first of several; None where all is missing."""
    return _extreme(values, largest=False)


def steepest(values: pd.Series[float], *, falling: bool = False) -> Span | None:
    """Return the steepest rise (or fall) of `values` within one hour; None where there is none.

    From the step that begins at `start` to the one that begins at `end`.
    """
    steps = max(1, round(HOUR / step(values)))
    change = values - values.shift(steps)
    change = change.where(change < 0) if falling else change.where(change > 0)
    found = _extreme(change, largest=not falling)
    return found and Span(found.start - steps * step(values), found.start, found.value)


def block(values: pd.Series[float], hours: float, *, dearest: bool = False) -> Span | None:
    """Return the `hours` in a row with the lowest (or highest) mean; None where no such stretch.

    A block starts at any step of the grid and has no missing value.
    """
    steps = max(1, round(hours * HOUR / step(values)))
    found = _extreme(values.rolling(steps).mean(), largest=dearest)
    return found and Span(found.end - steps * step(values), found.end, found.value)


def _extreme(values: pd.Series[float], *, largest: bool) -> Span | None:
    if values.isna().all():
        return None
    place = int(values.argmax() if largest else values.argmin())
    start = grid_of(values)[place]
    return Span(start, start + step(values), float(values.iloc[place]))

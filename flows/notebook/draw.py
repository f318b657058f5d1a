"""What a time series chart needs: lines and steps on a grid, zone-local time below, names beside.

matplotlib is loaded when the first chart is drawn, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import pandas as pd

from flows.notebook.reading import HOUR, Span, edges, grid_of, step
from flows.notebook.style import FONT_POINTS, STEP_POINTS, WIDTH_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.collections import FillBetweenPolyCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import StepPatch
    from numpy.typing import NDArray

_ONE_DAY: Final = 26 * HOUR
_TWO_WEEKS: Final = pd.Timedelta(days=15)
_ROOM_FOR_DATES: Final = 5
_FONT_IN: Final = FONT_POINTS / 72
_AXES_IN: Final = 0.9 * WIDTH_IN  # the rest is left to the axis's numbers
# Of the font's size: the mean width of a character, the height of a line with air around it.
_OFFSET_POINTS: Final = 5
_CHARACTER, _LINE = 0.58, 1.5


def line(axes: Axes, values: pd.Series[float], **options: Any) -> Line2D:  # noqa: ANN401 - matplotlib's
    """Draw `values` (on a grid) as a line through the middle of each interval; NaN is a gap.

    Args:
        axes: Where to draw, in the unit of `values`.
        values: One series of a quantity that moves smoothly; else see `steps`.
        options: Handed on to `matplotlib.axes.Axes.plot`.
    """
    (drawn,) = axes.plot(_middles(values), values.to_numpy(), **options)
    return drawn


def area(axes: Axes, values: pd.Series[float], **options: Any) -> FillBetweenPolyCollection:  # noqa: ANN401 - matplotlib's
    """Fill between zero and what `line` draws; options go to matplotlib's `Axes.fill_between`."""
    return axes.fill_between(_middles(values), values.to_numpy(), linewidth=0, **options)


def steps(axes: Axes, values: pd.Series[float], **options: Any) -> StepPatch:  # noqa: ANN401 - matplotlib's
    """Draw `values` (on a grid) as what they are, means over their intervals; NaN is a gap.

    Args:
        axes: Where to draw, in the unit of `values`.
        values: One series.
        options: Handed on to `matplotlib.axes.Axes.stairs`; `fill=True` fills down to zero.
    """
    shape = {} if options.get("fill") else {"baseline": None, "linewidth": STEP_POINTS}
    return axes.stairs(values.to_numpy(), _numbers(edges(values)), **{**shape, **options})


def _middles(values: pd.Series[Any]) -> NDArray[np.float64]:
    return _numbers(grid_of(values) + step(values) / 2)


def _numbers(times: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Return `times` as matplotlib counts them."""
    from matplotlib import dates  # noqa: PLC0415 - see above

    return cast("NDArray[np.float64]", dates.date2num(times.to_pydatetime()))  # type: ignore[no-untyped-call]


def time_axis(axes: Axes, values: pd.Series[Any] | pd.DataFrame) -> None:
    """Make `axes` run over the whole time of `values` (on a grid), labelled in the zone's time.

    A day is marked at every third hour of the clock: 00:00, 03:00, … So the hour that comes twice,
    or never, needs no mark of its own. Several days are marked at each midnight, by name only where
    they are too many for a date.
    """
    bounds = edges(values)
    start, end = bounds[0], bounds[-1]
    hours = pd.date_range(start, end, freq=HOUR)
    if end - start <= _ONE_DAY:
        marks = hours[(hours.hour % 3 == 0) & (hours.minute == 0)]
        labels = [f"{mark:%H:%M}" for mark in marks]
    else:
        marks = hours[(hours.hour == 0) & (hours < end)]
        marks = marks if end - start <= _TWO_WEEKS else marks[marks.day_of_week == 0]
        roomy = len(marks) <= _ROOM_FOR_DATES
        labels = [f"{mark:%a} {mark.day}{mark: %b}" if roomy else str(mark.day) for mark in marks]
    axes.xaxis_date()  # says that these numbers are times
    axes.set_xlim(*_numbers(bounds[[0, -1]]))
    axes.set_xticks(_numbers(marks), labels)


def label_span(axes: Axes, span: Span, height: float, text: str, *, under: bool = False) -> None:
    """Write `text` over (or under) the middle of `span` at `height`, inside the axes.

    Args:
        axes: With its time axis set.
        span: A stretch of its time.
        height: In the unit of the values.
        text: What to write.
        under: Whether it hangs under `height`.
    """
    middle = float(_numbers(pd.DatetimeIndex([span.start + (span.end - span.start) / 2]))[0])
    left, right = axes.get_xlim()
    half = len(text) * _CHARACTER * _FONT_IN / _AXES_IN / 2
    place = (middle - left) / (right - left)
    inside = min(max(place, half), 1 - half)
    axes.annotate(
        text,
        (left + inside * (right - left), height),
        (0, -_OFFSET_POINTS if under else _OFFSET_POINTS),
        textcoords="offset points",
        ha="center",
        va="top" if under else "bottom",
    )


def label_lines(
    axes: Axes,
    lines: pd.DataFrame,
    names: Mapping[str, str],
    others: pd.DataFrame | None = None,
) -> None:
    """Write each line's name just above it, where it has the most room.

    Args:
        axes: With limits set; `lines` are drawn on it already.
        lines: One column a line, on a grid.
        names: What to write for each column.
        others: A second line under the same name, such as the forecast before.
    """
    tops, bottoms = lines, lines
    if others is not None:
        second = others.reindex(index=lines.index, columns=lines.columns)
        tops, bottoms = (
            lines.where(~(second > lines), second),
            lines.where(~(second < lines), second),
        )
    low, high = axes.get_ylim()
    height_in = axes.bbox.height / axes.figure.dpi
    line_height = _LINE * _FONT_IN / height_in * (high - low)
    middles = _numbers(grid_of(lines) + step(lines) / 2)
    for column, name in names.items():
        if column not in lines or lines[column].isna().all():
            continue
        own = tops[column]
        wide = round(len(name) * _CHARACTER * _FONT_IN / _AXES_IN * len(lines)) | 1
        below = own.rolling(wide, center=True, min_periods=1).max()
        rest = bottoms.drop(columns=column)
        above = rest.where(rest.ge(own, axis=0)).min(axis="columns").fillna(high)
        room = above.rolling(wide, center=True).min() - below
        # Two lines of text are room enough; then the nearer to the line the better, and the higher.
        fit = room.clip(upper=2 * line_height) - (below - own)
        score = fit + line_height * (own - low) / (high - low)
        if score.notna().any():
            place = int(score.argmax())
            height = below.iloc[place] + 0.2 * line_height
            axes.text(float(middles[place]), height, name, ha="center", va="bottom")

"""The numbers behind a chart, read from what matplotlib was given to draw.

Lines, steps, bars, areas, points and images are read, in the order of the axes. Text, grids and
spans are not data. What can't be read is left out: a chart never fails for it.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flows.notebook.parts import Plotted, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS: Final = 3000
_MOST_SERIES: Final = 60
_DIGITS, _X_DIGITS = 6, 9
_LONGEST_LABEL: Final = 200
# The outline of a filled area of n points: start, n, end, n backwards, and the start again.
_CORNERS: Final = 3
_SECONDS_A_DAY: Final = 86_400


class _Read(NamedTuple):
    """One series as it was given, `x` in data coordinates where `is_data`."""

    artist: Artist
    x: Any
    y: Any
    is_data: bool = True


def read(drawn: Figure) -> tuple[Plotted, ...]:
    """Return the series of all axes, those over the same x together; at most `MOST_POINTS` values.

    Beyond that each series is thinned alike, and has a hash of the whole.
    """
    found: list[tuple[tuple[str | float, ...], Series]] = []
    for axes in drawn.axes:
        has_times = _has_times(axes)
        for series in _series(axes):
            try:
                x = _places(series.x, are_times=has_times and series.is_data)
                y = _values(series.y, _DIGITS)
            except (TypeError, ValueError, OverflowError):
                continue
            if x and len(x) == len(y):
                found.append((x, Series(label=_label(series.artist), y=y)))
    found = found[:_MOST_SERIES]
    every = max(1, math.ceil(sum(len(x) for x, _ in found) / MOST_POINTS))
    groups: dict[tuple[str | float, ...], list[Series]] = {}
    for x, series_ in found:
        groups.setdefault(x[::every], []).append(_thinned(x, series_, every))
    return tuple(Plotted(x=x, series=tuple(group)) for x, group in groups.items())


def _series(axes: Axes) -> Iterator[_Read]:
    from matplotlib.container import BarContainer  # noqa: PLC0415 - as style.py loads it
    from matplotlib.patches import StepPatch  # noqa: PLC0415

    for line in axes.lines:
        is_data = line.get_transform() is axes.transData
        yield _Read(line, line.get_xdata(orig=False), line.get_ydata(orig=False), is_data)
    for patch in axes.patches:
        if isinstance(patch, StepPatch):
            values, edges, _ = patch.get_data()
            yield _Read(patch, edges[:-1], values)
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            yield _bars(bars)
    for collection in axes.collections:
        yield from _collection(collection)
    for image in axes.images:
        pixels = image.get_array()
        if pixels is not None:
            yield _Read(image, range(pixels.size), pixels.ravel(), is_data=False)


def _bars(bars: Any) -> _Read:  # noqa: ANN401 - a BarContainer, which matplotlib does not type
    if bars.orientation == "horizontal":
        return _Read(
            bars,
            [bar.get_y() + bar.get_height() / 2 for bar in bars],
            [bar.get_width() for bar in bars],
            is_data=False,
        )
    return _Read(
        bars,
        [bar.get_x() + bar.get_width() / 2 for bar in bars],
        [bar.get_height() for bar in bars],
    )


def _collection(collection: Any) -> Iterator[_Read]:  # noqa: ANN401 - any kind of Collection
    import numpy as np  # noqa: PLC0415 - as style.py loads matplotlib
    from matplotlib.collections import FillBetweenPolyCollection, PathCollection  # noqa: PLC0415

    if isinstance(collection, PathCollection):
        points = np.ma.filled(collection.get_offsets(), np.nan)
        yield _Read(collection, points[:, 0], points[:, 1])
        return
    outlines = [path.vertices for path in collection.get_paths()]
    is_area = isinstance(collection, FillBetweenPolyCollection)
    if is_area and getattr(collection, "t_direction", "") == "x":
        counts = [(len(outline) - _CORNERS) // 2 for outline in outlines]
        pairs = list(zip(outlines, counts, strict=True))
        upper = [outline[1 : n + 1] for outline, n in pairs]
        lower = [outline[n + 2 : 2 * n + 2][::-1] for outline, n in pairs]
        edges = [_joined(upper), _joined(lower)]
        # A straight edge is what an area stands on.
        kept = [edge for edge in edges if len(edge) and np.ptp(edge[:, 1]) > 0]
        for edge in kept or edges[:1]:
            yield _Read(collection, edge[:, 0], edge[:, 1])
    elif outlines:
        outline = _joined(outlines)
        yield _Read(collection, outline[:, 0], outline[:, 1])


def _joined(outlines: Sequence[Any]) -> Any:  # noqa: ANN401 - an array of points
    import numpy as np  # noqa: PLC0415

    return np.concatenate(outlines) if outlines else np.empty((0, 2))


def _has_times(axes: Axes) -> bool:
    """Return whether the x axis, or one that it is shared with, is said to be one of times."""
    from matplotlib import dates  # noqa: PLC0415

    return any(
        type(other.xaxis.get_converter()).__module__ == dates.__name__
        for other in axes.get_shared_x_axes().get_siblings(axes)
    )


def _places(x: Any, *, are_times: bool) -> tuple[str | float, ...]:  # noqa: ANN401 - array-like
    if not are_times:
        return tuple(value or 0.0 for value in _values(x, _X_DIGITS))
    import numpy as np  # noqa: PLC0415
    from matplotlib import dates  # noqa: PLC0415

    days = np.asarray(x, dtype=float)
    if not np.isfinite(days).all():
        return ()
    # A second is finer than any resolution, and a float of days is not exact to the microsecond.
    seconds = np.round(days * _SECONDS_A_DAY).astype("timedelta64[s]")
    epoch: str = dates.get_epoch()  # type: ignore[no-untyped-call]
    moments = np.datetime_as_string(np.datetime64(epoch, "s") + seconds)
    return tuple(f"{moment}Z" for moment in moments)


def _values(values: Any, digits: int) -> tuple[float | None, ...]:  # noqa: ANN401 - array-like
    import numpy as np  # noqa: PLC0415

    numbers: Any = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    return tuple(float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in numbers.tolist())


def _thinned(x: tuple[str | float, ...], series: Series, every: int) -> Series:
    if every == 1:
        return series
    whole = hashlib.blake2b(json.dumps([x, series.y]).encode(), digest_size=10).hexdigest()
    return Series(label=series.label, y=series.y[::every], whole=whole)


def _label(artist: Artist) -> str:
    """Return the author's label; matplotlib's own begin with an underscore."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else label[:_LONGEST_LABEL]

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from flows.notebook import draw, parts, plotted, style


def grid(values, freq="h", start="2025-10-26", tz="Europe/Berlin"):
    """Return `values` on a zone-local grid."""
    index = pd.date_range(start, periods=len(values), freq=freq, tz=tz)
    return pd.Series(values, index=index, dtype=float)


def chart(panels=1, **options):
    """Return a figure in our style and its axes."""
    return style.figure(3.0, panels, **options)


def only(drawn):
    """Return x and y of the one series that is drawn."""
    (group,) = plotted.read(drawn)
    (series,) = group.series
    return group.x, series.y


def test_a_line_is_its_times_and_values():
    """Times are UTC in ISO 8601, on both sides of the hour that comes twice; a gap is None."""
    drawn, axes = chart()
    values = grid([1.0, np.nan, 3.123456789, -4.0])
    draw.line(axes, values, label="Solar")
    draw.time_axis(axes, values)
    ((group),) = plotted.read(drawn)
    assert group.x == tuple(f"2025-10-{day}:30:00Z" for day in ("25T22", "25T23", "26T00", "26T01"))
    assert group.series == (parts.Series(label="Solar", y=(1.0, None, 3.12346, -4.0)),)


@pytest.mark.parametrize("fill", [False, True])
def test_steps_are_their_means(fill):
    """Each step stands at the start of its interval."""
    drawn, axes = chart()
    values = grid([1.0, 2.0])
    draw.steps(axes, values, fill=fill)
    draw.time_axis(axes, values)
    assert only(drawn) == (("2025-10-25T22:00:00Z", "2025-10-25T23:00:00Z"), (1.0, 2.0))


def test_an_area_is_the_edge_that_moves():
    """The straight edge that an area stands on is no series; a band between two curves is two."""
    drawn, axes = chart(2)
    axes[0].fill_between([0, 1, 2], [5, 6, 7])
    axes[1].fill_between([0, 1, 2], [5, 6, 7], [1, 2, 4])
    ((group),) = plotted.read(drawn)
    assert [series.y for series in group.series] == [(5, 6, 7), (5, 6, 7), (1, 2, 4)]


def test_a_stack_is_its_layers_with_their_names():
    """Each layer of a stack is its upper edge, in the order in which they lie."""
    drawn, axes = chart()
    axes.stackplot([0, 1], [1, 2], [3, 3], labels=["Solar", "Wind"])
    ((group),) = plotted.read(drawn)
    assert [(s.label, s.y) for s in group.series if s.label == "Solar"] == [("Solar", (1, 2))]
    assert ("Wind", (4, 5)) in [(s.label, s.y) for s in group.series]


def test_bars_points_and_images_are_read():
    """Bars of both directions by their middles, scattered points, and an image's values."""
    drawn, axes = chart(4)
    axes[0].bar([1, 2], [4, 5])
    axes[1].barh(["a", "b"], [7, 8])
    axes[2].scatter([1.5, 2.5], [3, 4])
    axes[3].imshow([[1, 2], [3, 4]])
    found = {(group.x, series.y) for group in plotted.read(drawn) for series in group.series}
    assert found == {
        ((1.0, 2.0), (4.0, 5.0)),
        ((0.0, 1.0), (7.0, 8.0)),
        ((1.5, 2.5), (3.0, 4.0)),
        ((0.0, 1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0)),
    }


def test_panels_that_share_their_time_are_all_in_time():
    """Where one of two panels over one axis is labelled with times, both have times."""
    drawn, axes = chart(2, sharex=True)
    values = grid([1.0, 2.0])
    for panel in axes:
        draw.line(panel, values)
    draw.time_axis(axes[1], values)
    ((group),) = plotted.read(drawn)
    assert group.x[0] == "2025-10-25T22:30:00Z"
    assert len(group.series) == 2


def test_a_threshold_is_read_but_not_as_a_time():
    """A horizontal line across a time axis has its height; its x is a share of the axis."""
    drawn, axes = chart()
    axes.xaxis_date()
    axes.axhline(5)
    assert only(drawn) == ((0.0, 1.0), (5.0, 5.0))


def test_data_are_bounded_and_no_change_escapes():
    """A long series is thinned for the notebook; its hash differs when any value does."""
    values = np.arange(20_000.0)
    seen = []
    for place in (None, 7, 19_999):
        drawn, axes = chart()
        changed = values.copy()
        if place is not None:
            changed[place] += 0.5
        axes.plot(changed)
        ((group),) = plotted.read(drawn)
        assert len(group.x) == len(group.series[0].y) <= plotted.MOST_POINTS
        seen.append(group.series[0].whole)
    assert len(set(seen)) == 3


def test_many_series_are_bounded():
    """A chart with hundreds of lines keeps its data within some tens of kilobytes."""
    drawn, axes = chart()
    for number in range(300):
        axes.plot(np.random.default_rng(number).random(200))
    data = [group.model_dump(mode="json") for group in plotted.read(drawn)]
    assert len(json.dumps(data)) < 60_000


def test_what_can_not_be_read_is_left_out():
    """An empty line, a polygon or a text keeps no chart from being shown."""
    drawn, axes = chart()
    axes.plot([], [])
    axes.text(1, 1, "words")
    axes.axvspan(1, 2)
    axes.fill_between([], [])
    axes.plot([1, 2], [np.inf, -np.inf])
    assert only(drawn) == ((1.0, 2.0), (None, None))


def test_data_survive_the_notebook():
    """What a part's JSON holds is read back equal: times, numbers, gaps; and each is one text."""
    data = (
        parts.Plotted(
            x=("2025-10-25T22:30:00Z", "2025-10-25T23:30:00Z"),
            series=(parts.Series(label="a b", y=(None, -1.5e-7)), parts.Series(y=(3, 1.23457e9))),
        ),
        parts.Plotted(x=(-1.0, 20000.1234), series=(parts.Series(y=(0.0, None)),)),
    )
    image = "iVBORw0KGgo="
    figure = parts.Figure(
        alt="x", width_px=1, height_px=1, light_png=image, dark_png=image, data=data
    )
    written = json.loads(json.dumps(parts.dump(figure)))
    assert written["data"][0]["series"][0]["y"] == "- -1.5e-07"
    assert parts.load(written).data == data

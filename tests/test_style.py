"""A chart reads on both grounds, for colour-blind readers, and is the same on every machine."""

from __future__ import annotations

import base64
import io
from itertools import combinations, pairwise
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

import cells
from flows.document import PRODUCTION_TYPES
from flows.notebook import draw, style, theme

# Simulation of the three dichromacies in linear RGB: Machado, Oliveira and Fernandes (2009),
# severity 1.0.
SIGHT = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranope": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanope": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# Linear sRGB to CIE XYZ relative to white D65 (IEC 61966-2-1).
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour):
    srgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2.2 contrast ratio."""
    dark, light = sorted(linear(colour) @ XYZ[1] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    ratio = XYZ @ np.clip(rgb, 0, 1) / WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def difference(one, other):
    """Smallest CIE 1976 colour difference over all four kinds of sight; about 2.3 is just seen."""
    return min(
        np.linalg.norm(lab(sight @ linear(one)) - lab(sight @ linear(other)))
        for sight in SIGHT.values()
    )


def image(png_base64):
    with Image.open(io.BytesIO(base64.b64decode(png_base64))) as opened:
        return opened, np.asarray(opened.convert("RGB")).astype(int)


def drawing():
    """A chart with each kind of artist that newsletters use."""
    figure, axes = style.figure(3.2)
    hours = np.arange(25)
    axes.fill_between(hours, hours, color=theme.COLOURS["B16"], alpha=0.2)
    axes.plot(hours, hours, "o-", color=theme.COLOURS["B16"], label="Solar")
    axes.stairs(hours[1:], hours, color="black")
    axes.bar(hours, hours / 2, color=theme.COLOURS["B20"], edgecolor="white")
    axes.axvspan(3, 5, color="0.9")
    axes.text(12, 20, "noon", bbox={"facecolor": "white", "edgecolor": "none"})
    axes.annotate("peak", (20, 20), (10, 22), arrowprops={"arrowstyle": "-", "color": "0.3"})
    axes.legend()
    axes.set_title("Panel")
    axes.set_ylabel("GW")
    return figure


def test_the_measures_themselves_are_right():
    """Black on white has a contrast of 21 and a difference of 100, as the standards say."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert difference("#000000", "#ffffff") == pytest.approx(100, abs=0.1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("code", [*theme.COLOURS, "ACCENT", "CONTRAST"])
def test_each_series_colour_has_a_contrast_of_3_on_both_grounds(code):
    """A line or an area is told from either ground (WCAG 2.2, 1.4.11)."""
    colour = theme.COLOURS.get(code) or getattr(theme, code)
    assert contrast(colour, theme.LIGHT.ground) >= 3
    assert contrast(colour, theme.DARK.ground) >= 3


@pytest.mark.parametrize("ground", [theme.LIGHT, theme.DARK])
def test_text_has_a_contrast_of_4_5(ground):
    """Ink and muted text are read on both grounds (WCAG 2.2, 1.4.3)."""
    with theme.dark(figure := drawing()):
        on_dark = figure.axes[0].yaxis.label.get_color()
    muted = style.MUTED if ground is theme.LIGHT else to_hex(on_dark)
    assert contrast(ground.ink, ground.ground) >= 4.5
    assert contrast(muted, ground.ground) >= 4.5


def test_every_production_type_of_generation_has_its_own_colour():
    """No two production types share a colour, and none that generates is without one."""
    generating = {code for code in PRODUCTION_TYPES if "B01" <= code <= "B20"} | {"B25"}
    assert set(theme.COLOURS) == generating == set(theme.STACK)
    assert len(set(theme.COLOURS.values())) == len(theme.COLOURS)


@pytest.mark.parametrize(("lower", "upper"), list(pairwise(theme.STACK)))
def test_neighbours_in_a_stack_differ_for_every_reader(lower, upper):
    """Neighbours differ clearly for readers with each dichromacy (five times what is just seen)."""
    assert difference(theme.COLOURS[lower], theme.COLOURS[upper]) >= 12


@pytest.mark.parametrize(("one", "other"), list(combinations(["B16", "B18", "B19"], 2)))
def test_solar_and_both_winds_differ_strongly(one, other):
    """The three lines that share a chart every day differ strongly for every reader."""
    assert difference(theme.COLOURS[one], theme.COLOURS[other]) >= 25


def test_an_image_has_twice_the_pixels_of_its_size_on_the_page():
    """A figure of 6.4 by 3.2 inches is 640 by 320 CSS pixels and 1280 by 640 dots."""
    rendered = style.render(drawing())
    assert (rendered.width_px, rendered.height_px) == (640, 320)
    opened, pixels = image(rendered.light_png_base64)
    assert opened.mode == "P"
    assert pixels.shape == (640, 1280, 3)


def test_each_image_stands_on_its_own_ground():
    """The corners are the ground itself: no transparency that a mailer could recolour."""
    rendered = style.render(drawing())
    for png, ground in (
        (rendered.light_png_base64, theme.LIGHT.ground),
        (rendered.dark_png_base64, theme.DARK.ground),
    ):
        _, pixels = image(png)
        assert to_hex(pixels[0, 0] / 255) == ground
        assert to_hex(pixels[-1, -1] / 255) == ground


@pytest.mark.parametrize("code", ["B16", "B05", "B20"])
def test_series_keep_their_colour_on_both_grounds(code):
    """Solar, and the greys of hard coal and of other plants, do not change with the ground."""
    figure, axes = style.figure(2.0)
    axes.axhspan(0, 1, color=theme.COLOURS[code])
    rendered = style.render(figure)
    expected = [int(theme.COLOURS[code][place : place + 2], 16) for place in (1, 3, 5)]
    for png in (rendered.light_png_base64, rendered.dark_png_base64):
        _, pixels = image(png)
        assert np.abs(pixels[200, 640] - expected).max() <= 3


def test_the_dark_image_has_no_dark_text_on_it():
    """Every neutral artist moves with the ground: text, ticks, spines, boxes, arrows, bar edges."""
    figure = drawing()
    style.render(figure)
    with theme.dark(figure):
        axes = figure.axes[0]
        assert to_hex(axes.title.get_color()) == theme.DARK.ink
        note = next(text for text in axes.texts if text.get_text() == "noon")
        assert to_hex(note.get_bbox_patch().get_facecolor()) == theme.DARK.ground
        assert to_hex(figure.get_facecolor()) == theme.DARK.ground
        assert all(
            contrast(to_hex(text.get_color()), theme.DARK.ground) > 4.5
            for text in figure.findobj(Text)
        )
        arrow = next(text for text in axes.texts if text.get_text() == "peak").arrow_patch
        assert contrast(to_hex(arrow.get_edgecolor()), theme.DARK.ground) > 4.5
        assert to_hex(axes.patches[1].get_edgecolor()) == theme.DARK.ground


def test_rendering_leaves_the_drawing_as_it_was_and_gives_the_same_bytes_again():
    """Two renderings of one figure, and of two equal figures, are equal to the byte."""
    figure = drawing()
    first = style.render(figure)
    assert style.render(figure) == first
    assert style.render(drawing()) == first


def test_images_are_small():
    """A dense chart stays under 45 KB, so that a mail with four images stays under 200 KB."""
    figure, axes = style.figure(4.0)
    noise = np.random.default_rng(7).normal(size=(15, 96)).cumsum(axis=1) + 20
    axes.stackplot(range(96), np.abs(noise), colors=list(theme.COLOURS.values()))
    rendered = style.render(figure)
    assert len(base64.b64decode(rendered.light_png_base64)) < 45_000
    assert b"Software" not in base64.b64decode(rendered.light_png_base64)


def grid(start, hours, tz="Europe/Berlin", freq="15min"):
    index = pd.date_range(pd.Timestamp(start, tz=tz), periods=hours * 4, freq=freq)
    return pd.DataFrame({"B16": np.linspace(1, 2, len(index)), "B19": 5.0}, index=index)


@pytest.mark.parametrize(
    ("start", "hours", "labels"),
    [
        ("2026-06-17", 24, ["00:00", "03:00", "06:00"]),
        ("2026-10-25", 25, ["00:00", "03:00", "06:00"]),
        ("2026-03-29", 23, ["00:00", "03:00", "06:00"]),
        ("2026-06-15", 48, ["Mon 15 Jun", "Tue 16 Jun"]),
    ],
)
def test_the_time_axis_is_in_zone_time_on_every_day(start, hours, labels):
    """Marks stand at the zone's clock hours on every day; several days are marked by day."""
    values = grid(start, hours)
    _, axes = style.figure(2.0)
    draw.time_axis(axes, values)
    assert [label.get_text() for label in axes.get_xticklabels()][:3] == labels
    low, high = axes.get_xlim()
    assert (high - low) * 24 == pytest.approx(hours)


def test_a_line_s_name_stands_above_it_and_under_the_next():
    """Names are written where they touch no other line."""
    lines = grid("2026-06-17", 24)
    _, axes = style.figure(3.0)
    for column in lines:
        draw.line(axes, lines[column])
    axes.set_ylim(0, 6)
    draw.label_lines(axes, lines, {"B16": "Solar", "B19": "Wind onshore"})
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert 1 < heights["Solar"] < 2.5
    assert 5 < heights["Wind onshore"] < 5.5


def test_a_missing_value_is_a_gap_in_line_and_steps():
    """NaN is drawn as nothing, never as zero."""
    lines = grid("2026-06-17", 24)
    lines.iloc[10:20] = np.nan
    _, axes = style.figure(3.0)
    line = draw.line(axes, lines["B16"])
    steps = draw.steps(axes, lines["B16"])
    assert np.isnan(line.get_ydata()).sum() == 10
    assert np.isnan(steps.get_data().values).sum() == 10


def test_the_two_neutral_accents_differ_strongly():
    """What matters and what it is held against are told apart by every reader."""
    assert difference(theme.ACCENT, theme.CONTRAST) >= 25


def test_neighbours_of_the_generation_mix_as_it_is_drawn_differ_for_every_reader():
    """Bands that touch in the bundled newsletter's stack, groups of types among them, differ."""
    figures = []

    def kept(figure):
        figures.append(figure)
        return render(figure)

    render = style.render
    with mock.patch.object(style, "render", kept):
        cells.run("generation_mix")
    bands = [band for band in figures[0].axes[0].patches if not band.get_hatch()]
    fed_in = [
        to_hex(band.get_facecolor()) for band in bands if np.nanmin(band.get_data().values) >= 0
    ]
    assert len(fed_in) >= 8
    assert all(difference(lower, upper) >= 12 for lower, upper in pairwise(fed_in))

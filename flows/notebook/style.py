"""How a chart looks: one drawing, rendered once for a light and once for a dark ground.

A newsletter's chart is 6.4 inches wide: 640 CSS pixels, drawn at twice that. The base font is
11 pt, so that a phone, which shows the image at 360 pixels, still leaves it legible. Neutral
colours (ink, muted text, grid, ground) change between the grounds; the colour of a production type
never does (see theme.py).
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from flows.notebook import theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN: Final = 6.4
CSS_PIXELS_PER_INCH: Final = 100
DOTS_PER_INCH: Final = 2 * CSS_PIXELS_PER_INCH
FONT_POINTS: Final = 11
LINE_POINTS: Final = 2.2
STEP_POINTS: Final = 1.8
_PNG_COLOURS: Final = 128
_PNG_LEVEL: Final = 6

INK: Final = theme.LIGHT.ink
MUTED: Final = "#5b636d"
GRID: Final = "#dfe2e6"
GROUND: Final = theme.LIGHT.ground

COLOURS: Final = theme.COLOURS
STACK: Final = theme.STACK

_RC: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so every machine draws the same
    "font.size": FONT_POINTS,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": FONT_POINTS,
    "axes.titlesize": FONT_POINTS,
    "axes.titlecolor": INK,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.linewidth": 0.8,
    "axes.xmargin": 0,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "xtick.labelsize": FONT_POINTS,
    "xtick.major.size": 4,
    "xtick.major.width": 0.8,
    "xtick.minor.size": 2,
    "xtick.minor.width": 0.8,
    "ytick.color": MUTED,
    "ytick.labelsize": FONT_POINTS,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": LINE_POINTS,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "patch.linewidth": 0,
    "legend.frameon": False,
    "legend.fontsize": FONT_POINTS,
    "legend.handlelength": 1.4,
    "figure.facecolor": GROUND,
}


@dataclass(frozen=True)
class Rendered:
    """One chart as two PNG images of `2 * width_px` by `2 * height_px` dots, in base64."""

    width_px: int
    height_px: int
    light_png_base64: bytes
    dark_png_base64: bytes


def figure(height_in: float, panels: int = 1, **options: Any) -> tuple[Figure, Any]:  # noqa: ANN401 - matplotlib's
    """Return a figure 6.4 inches wide in this style, and its axes (an array where panels > 1).

    The style also becomes matplotlib's default in this process, so that what a notebook adds to the
    figure later (labels, lines, legends) has it too.

    Args:
        height_in: The figure's height in inches, 100 CSS pixels each.
        panels: Charts above one another.
        options: Handed on to `matplotlib.figure.Figure.subplots`.
    """
    import matplotlib as mpl  # noqa: PLC0415 - a notebook without charts does not wait for it
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415

    mpl.rcParams.update(cast("Any", _RC))
    layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.06, hspace=0.04)
    drawn = Figure(figsize=(WIDTH_IN, height_in), dpi=DOTS_PER_INCH, layout=layout)
    return drawn, drawn.subplots(panels, 1, **options)


def render(drawn: Figure) -> Rendered:
    """Return `drawn` as PNG images for both grounds; `drawn` itself stays as it was.

    The same drawing gives the same bytes: no date, software name or machine's font goes in.
    """
    light = _png(drawn)
    layout = drawn.get_layout_engine()
    drawn.set_layout_engine("none")  # another colour moves nothing
    try:
        with theme.dark(drawn):
            dark = _png(drawn)
    finally:
        drawn.set_layout_engine(layout)
    width_in, height_in = drawn.get_size_inches()
    return Rendered(
        width_px=round(width_in * CSS_PIXELS_PER_INCH),
        height_px=round(height_in * CSS_PIXELS_PER_INCH),
        light_png_base64=light,
        dark_png_base64=dark,
    )


def _png(drawn: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    canvas = FigureCanvasAgg(drawn)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    image = Image.frombuffer("RGBA", canvas.get_width_height(), pixels)
    flat = image.convert("RGB").quantize(
        _PNG_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    stream = io.BytesIO()
    # A higher level costs six times as much and takes off a tenth.
    flat.save(stream, "PNG", compress_level=_PNG_LEVEL)
    return base64.b64encode(stream.getvalue())

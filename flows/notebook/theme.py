"""Colours: of the two grounds, of the production types, and the way from one ground to the other.

matplotlib is loaded when a chart is rendered, not before.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.typing import ColorType
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Theme:
    """A ground to draw on and the ink that stands on it; every neutral colour lies between."""

    ground: str
    ink: str


LIGHT: Final = Theme(ground="#ffffff", ink="#1b1f24")
DARK: Final = Theme(ground="#14181d", ink="#e8eaed")

COLOURS: Final[Mapping[str, str]] = {
    "B01": "#477032",
    "B02": "#b37155",
    "B03": "#d4741a",
    "B04": "#b33e16",
    "B05": "#6d7b8b",
    "B06": "#a5465b",
    "B07": "#c2816e",
    "B08": "#ad8940",
    "B09": "#9e4c77",
    "B10": "#725dcd",
    "B11": "#4197e2",
    "B12": "#466aa1",
    "B13": "#2e8594",
    "B14": "#a563b9",
    "B15": "#5a9f73",
    "B16": "#cd8303",
    "B17": "#9d872e",
    "B18": "#1c5bdf",
    "B19": "#12a683",
    "B20": "#8f949b",
    "B25": "#b776a4",
}
"""The colour of each production type (psrType code), searched for under the two conditions that
tests/test_style.py computes: contrast with both grounds, and difference between neighbours."""
OTHER: Final = COLOURS["B20"]
ACCENT: Final = "#3a6fd8"
CONTRAST: Final = "#c9602a"
"""For series that are no production type: the one that matters, and what it is held against."""
STACK: Final[tuple[str, ...]] = (
    *("B14", "B02", "B08", "B05", "B03", "B04", "B07", "B06", "B20", "B17"),
    *("B01", "B15", "B09", "B13", "B11", "B12", "B10", "B25", "B18", "B19", "B16"),
)
"""Production types from the ground of a stacked chart up: steady ones first, the sun last."""

# A colour is neutral where its red, green and blue lie this close together (0 to 1).
_NEUTRAL_SPREAD: Final = 0.13
_SAME_COLOUR: Final = 1 / 512
_PROPERTIES: Final = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def _rgb(colour: str) -> FloatArray:
    return np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])


_FIXED: Final = np.array([_rgb(colour) for colour in (*COLOURS.values(), ACCENT, CONTRAST)])
_INK: Final = _rgb(LIGHT.ink)
_DARK_GROUND: Final = _rgb(DARK.ground)
_DARK_INK: Final = _rgb(DARK.ink)


@contextmanager
def dark(drawn: Figure) -> Iterator[None]:
    """Give `drawn` the dark ground's neutral colours for a while; series keep theirs.

    A neutral colour stands between ground and ink; on the other ground it stands at the same place
    between that ground and that ink. Opacity stays.
    """
    changes = [change for artist in _artists(drawn) for change in _changes(artist)]
    try:
        for write, _, after in changes:
            write(after)
        yield
    finally:
        for write, before, _ in changes:
            write(before)


def _artists(drawn: Figure) -> Iterator[Artist]:
    """Yield every artist of `drawn`, and the boxes and arrows of texts, which no parent lists."""
    from matplotlib.text import Text  # noqa: PLC0415 - only a chart needs it

    for artist in drawn.findobj():
        yield artist
        if isinstance(artist, Text):
            parts = (artist.get_bbox_patch(), getattr(artist, "arrow_patch", None))
            yield from (part for part in parts if part is not None)


def _changes(artist: Artist) -> Iterator[tuple[Callable[[object], object], object, FloatArray]]:
    """Yield for each neutral colour of `artist` its setter, the colour, and the one on dark.

    All are read before any is set: a marker's colour may follow its line's.
    """
    for name in _PROPERTIES:
        read = getattr(artist, f"get_{name}", None)
        write = getattr(artist, f"set_{name}", None)
        if read is not None and write is not None:
            before = read()
            after = _on_dark(before)
            if after is not None:
                yield write, before, after


def _on_dark(colour: ColorType | Sequence[ColorType]) -> FloatArray | None:
    """Return `colour`, one or several, for the dark ground; None where nothing changes."""
    from matplotlib.colors import to_rgba_array  # noqa: PLC0415 - only a chart needs it

    before = to_rgba_array(colour)
    spread = np.ptp(before[:, :3], axis=1)
    fixed = (np.abs(before[:, None, :3] - _FIXED) < _SAME_COLOUR).all(axis=2).any(axis=1)
    neutral = (spread < _NEUTRAL_SPREAD) & ~fixed & (before[:, 3] > 0)
    if not neutral.any():
        return None
    place = (before[:, :3].mean(axis=1, keepdims=True) - _INK.mean()) / (1 - _INK.mean())
    after = before.copy()
    after[:, :3] = np.where(
        neutral[:, None],
        np.clip(_DARK_INK + place * (_DARK_GROUND - _DARK_INK), 0, 1),
        before[:, :3],
    )
    return after if len(after) > 1 else after[0]

"""The map of Europe by bidding zone; the shapes are those of scripts/make_map.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.document import zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.issue import Zone


@dataclass(frozen=True)
class Shape:
    """A zone on the map: its code, its name, and its outline as SVG path data."""

    code: str
    name: str
    outline: str


@dataclass(frozen=True)
class Europe:
    """A map of `width` by `height`: zones `with_issues`, by their names, and the others."""

    width: int
    height: int
    with_issues: tuple[Shape, ...]
    others: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """How many zones there are on the map."""
        return len(self.with_issues) + len(self.others)


_MAP: Final = json.loads((Path(__file__).parent / "europe.json").read_text("utf-8"))


@cache
def _shapes() -> Mapping[str, Shape]:
    return {code: Shape(code, zone(code).name, d) for code, d in _MAP["paths"].items()}


def europe(zones: Mapping[str, Zone]) -> Europe:
    """Return the map on which `zones`, by their codes, have issues."""
    # Under the names of the issues: what the keyboard goes through is in the order of a list.
    with_issues = [
        Shape(code, zones[code].name, shape.outline)
        for code, shape in _shapes().items()
        if code in zones
    ]
    return Europe(
        width=_MAP["width"],
        height=_MAP["height"],
        with_issues=tuple(sorted(with_issues, key=lambda shape: shape.name)),
        others=tuple(shape for code, shape in _shapes().items() if code not in zones),
    )

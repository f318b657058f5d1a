"""Make the map on the archive's front page anew: flows/archive/pages/europe.json.

The shapes of bidding zones are entsoe-py's geojson files (MIT licence); those that it has none of
are countries of Natural Earth (public domain), as the npm package world-atlas has them:

    pip install "shapely>=2.1" && npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python scripts/make_map.py package/countries-10m.json

Nothing else here needs shapely, so it is in no requirements.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import shapely  # type: ignore[import-untyped]  # in no requirements: as said
from shapely.geometry import shape  # type: ignore[import-untyped]  # the same

TARGET = Path(__file__).resolve().parent.parent / "flows" / "archive" / "pages" / "europe.json"

# Corners in degrees: what is wholly outside (the Canaries, Svalbard) is not drawn.
WEST, SOUTH, EAST, NORTH = -12.0, 34.0, 41.0, 72.0
CENTRE_DEGREES = (13.0, 53.0)
WIDTH = 1000
MARGIN = 6
# Of a triangle that three neighbouring points make, and of an island, in the map's units.
SMALLEST_TRIANGLE_SIDE = 2.0
SMALLEST_ISLAND = 26
COUNTRIES = {
    "Albania": "AL",
    "Bosnia and Herz.": "BA",
    "Cyprus": "CY",
    "N. Cyprus": "CY",
    "Ireland": "IE_SEM",
    "Kosovo": "XK",
    "Macedonia": "MK",
    "Malta": "MT",
    "Moldova": "MD",
    "Montenegro": "ME",
    "Ukraine": "UA",
    "United Kingdom": "GB",
}
# Northern Ireland trades in the island's own market, SEM.
ISLAND_OF_IRELAND = shapely.box(-11.0, 51.0, -5.35, 55.5)


def main(countries: Path) -> None:
    """Read, project, simplify, write."""
    zones = _zones()
    others = _countries(json.loads(countries.read_text("utf-8")))
    window = shapely.box(WEST, SOUTH, EAST, NORTH)
    inside = {
        code: shapely.union_all([part for part in _parts(geometry) if part.intersects(window)])
        for code, geometry in {**others, **zones}.items()
    }
    flat = {code: shapely.transform(geometry, _project) for code, geometry in inside.items()}
    left, bottom, right, top = shapely.total_bounds(list(flat.values()))
    scale = (WIDTH - 2 * MARGIN) / (right - left)

    def to_map(points: np.ndarray) -> np.ndarray:
        return np.asarray((points * [1, -1] + [-left, top]) * scale + MARGIN)

    paths: dict[str, str] = {}
    # Neighbours of one source share their borders' points; those of two don't, and overlap a bit.
    for source in (others, zones):
        placed = [shapely.transform(flat[code], to_map) for code in source]
        simple = shapely.coverage_simplify(placed, SMALLEST_TRIANGLE_SIDE)
        paths |= {code: _path(each) for code, each in zip(source, simple, strict=True)}
    height = round((top - bottom) * scale) + 2 * MARGIN
    lines = ",\n".join(f"  {json.dumps(code)}: {json.dumps(paths[code])}" for code in sorted(paths))
    TARGET.write_text(
        f'{{"width": {WIDTH}, "height": {height}, "paths": {{\n{lines}\n}}}}\n', "utf-8"
    )
    sys.stdout.write(f"{len(paths)} zones, {TARGET.stat().st_size} bytes\n")


def _zones() -> dict[str, shapely.Geometry]:
    """Return entsoe-py's zones of today, by its codes."""
    entsoe = find_spec("entsoe")
    if entsoe is None or entsoe.origin is None:
        sys.exit("entsoe-py is not installed")
    folder = Path(entsoe.origin).parent / "geo" / "geojson"
    found = {}
    for file in sorted(folder.glob("*.geojson")):
        (feature,) = json.loads(file.read_text("utf-8"))["features"]
        # A name of more than the zone's own is of a zone as it was up to a year.
        if file.stem == feature["properties"]["zoneName"]:
            found[file.stem] = shapely.make_valid(shape(feature["geometry"]))
    return found


def _countries(topology: dict[str, Any]) -> dict[str, shapely.Geometry]:
    """Return the `COUNTRIES` in a TopoJSON file, by the codes of their zones."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        steps = accumulate(arc, lambda a, b: [a[0] + b[0], a[1] + b[1]])
        arcs.append([(x * sx + tx, y * sy + ty) for x, y in steps])

    def ring(indexes: list[int]) -> list[tuple[float, float]]:
        # ~i is arc i backwards.
        return [p for i in indexes for p in (arcs[i] if i >= 0 else arcs[~i][::-1])]

    found: dict[str, shapely.Geometry] = {}
    for country in topology["objects"]["countries"]["geometries"]:
        code = COUNTRIES.get(country["properties"]["name"])
        if code is None:
            continue
        polygons = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
        for rings in polygons:
            outer, *holes = (ring(indexes) for indexes in rings)
            part = shapely.make_valid(shapely.Polygon(outer, holes))
            irish = code == "GB" and ISLAND_OF_IRELAND.contains(part)
            owner = "IE_SEM" if irish else code
            found[owner] = shapely.union(found.get(owner, shapely.Polygon()), part)
    return found


def _project(degrees: np.ndarray) -> np.ndarray:
    """Project longitude and latitude by Lambert's azimuthal equal-area projection (Snyder 1987)."""
    lon, lat = np.radians(degrees).T
    lon0, lat0 = np.radians(CENTRE_DEGREES)
    k = np.sqrt(
        2 / (1 + np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon - lon0))
    )
    x = k * np.cos(lat) * np.sin(lon - lon0)
    y = k * (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon - lon0))
    return np.column_stack([x, y])


def _parts(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    return [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]


def _path(geometry: shapely.Geometry) -> str:
    """Return SVG path data: whole numbers, each point relative to the one before."""
    parts = sorted(_parts(geometry), key=lambda part: part.area, reverse=True)
    kept = [part for part in parts if part.area >= SMALLEST_ISLAND] or parts[:1]
    # No zone lies within another one, so none needs a hole.
    return "".join(filter(None, (_ring(part.exterior) for part in kept)))


def _ring(line: shapely.LinearRing) -> str:
    points = np.round(np.asarray(line.coords)).astype(int)
    steps = np.diff(points, axis=0)
    steps = steps[np.any(steps != 0, axis=1)][:-1]
    if len(steps) < 2:  # noqa: PLR2004 - no area
        return ""
    (x, y), moves = points[0], " ".join(f"{dx} {dy}" for dx, dy in steps)
    return f"M{x} {y}l{moves}z".replace(" -", "-")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and one file
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

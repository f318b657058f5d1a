"""Installed capacities on disk: one small JSON file per zone and year, valid for a day at most.

A file that is damaged, made by another hand or dated in the future counts as none, and what can't
be written is not kept: a cache never stands between a question and its answer.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from flows.document.zones import zone
from flows.errors import SettingsError

if TYPE_CHECKING:
    from flows.document.zones import Zone

KEPT = timedelta(days=1)
"""How long an answer of the platform is kept; capacities are published once a year."""

SAMPLE_KEPT = timedelta(minutes=15)
"""How long samples stand: a demonstration's length, so that no later event is measured by them."""

_LONGEST_BYTES = 64 * 1024

_CapacityMw = dict[
    Annotated[str, StringConstraints(pattern=r"^[AB]\d\d$")], Annotated[float, Field(ge=0)]
]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class _Entry(_Strict):
    zone: str
    year: int
    source: str
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    capacity_mw: _CapacityMw


class _Samples(_Strict):
    about: str
    year: int
    capacity_mw: dict[str, _CapacityMw]


class CapacityCache:
    """Where one zone's installed capacity in one year is kept: MW by production type."""

    def __init__(self, folder: Path, zone: Zone, year: int) -> None:
        """Name the place: a file named after the zone, which is one that entsoe-py knows."""
        self._path = folder / f"{zone.eic}_{year}.json"
        self._about = (zone.eic, year)

    def load(self) -> dict[str, float] | None:
        """Return what is kept; None where nothing valid is."""
        try:
            with self._path.open("rb") as file:
                entry = _Entry.model_validate_json(file.read(_LONGEST_BYTES))
        except (OSError, ValidationError):
            return None
        begin, end = entry.valid_from, entry.valid_until
        valid = begin <= datetime.now(UTC) < end <= begin + KEPT
        return entry.capacity_mw if valid and (entry.zone, entry.year) == self._about else None

    def store(self, capacity_mw: dict[str, float], *, source: str, kept: timedelta = KEPT) -> None:
        """Keep `capacity_mw` in place of what is there; nothing, where that can't be written.

        A reader meets the old file or the new one, never a half.
        """
        eic, year = self._about
        now = datetime.now(UTC)
        entry = _Entry(
            zone=eic,
            year=year,
            source=source,
            valid_from=now,
            valid_until=now + kept,
            capacity_mw=capacity_mw,
        )
        folder = self._path.parent
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
            temporary = Path(name)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(entry.model_dump_json(indent=1))
                temporary.replace(self._path)
            finally:
                temporary.unlink(missing_ok=True)


def seed_cache(folder: Path, samples: Path) -> None:
    """Keep the sample capacities in `samples` for a demonstration's length.

    The road from there on is every other event's. A valid answer of the platform is left alone.

    Args:
        folder: the cache.
        samples: JSON as bundled: `about`, `year`, and `capacity_mw` by entsoe-py's zone code and
            production type.

    Raises:
        SettingsError: the samples can't be read.

    """
    try:
        bundle = _Samples.model_validate_json(samples.read_bytes())
    except (OSError, ValidationError) as error:
        raise SettingsError(
            f"the sample capacities {samples.name} can't be read: {type(error).__name__}",
            remedy="Point GRIDLETTER_NOTEBOOKS to a folder that has them under samples/",
            setting="GRIDLETTER_NOTEBOOKS",
        ) from error
    for code, capacity_mw in bundle.capacity_mw.items():
        cache = CapacityCache(folder, zone(code), bundle.year)
        if cache.load() is None:
            cache.store(capacity_mw, source=bundle.about, kept=SAMPLE_KEPT)

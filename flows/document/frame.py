"""Blocks of values as one tidy DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.document.curve import Objects
    from flows.document.series import Block


_NO_TIME = np.empty(0, dtype=np.int64)
_NO_VALUE = np.empty(0, dtype=np.float64)
_NO_OBJECT = np.empty(0, dtype=object)


def build(blocks: Sequence[Block]) -> pd.DataFrame:
    """Return one row per value, series by series as they stand in the document, each by time."""
    sizes = [len(block.values) for block in blocks]

    def each(constants: Iterable[object]) -> pd.Series:
        column = np.empty(len(blocks), dtype=object)
        column[:] = list(constants)
        return pd.Series(np.repeat(column, sizes), dtype=object)

    starts = np.concatenate([_NO_TIME, *(block.starts for block in blocks)])
    ends = np.concatenate([_NO_TIME, *(block.ends for block in blocks)])
    headers = [block.header for block in blocks]
    frame = pd.DataFrame(
        {
            "start": pd.DatetimeIndex(starts.view("M8[ns]"), tz="UTC"),
            "end": pd.DatetimeIndex(ends.view("M8[ns]"), tz="UTC"),
            "value": np.concatenate([_NO_VALUE, *(block.values for block in blocks)]),  # noqa: PD011 - an array
            "unit": each(block.unit for block in blocks),
            "measure": each(block.kind.measure for block in blocks),
            "psr_type": each(header.psr_type for header in headers),
            "direction": _objects(block.directions for block in blocks),
            "sequence": each(header.sequence for header in headers),
            "currency": each(header.currency for header in headers),
            "resolution": each(block.resolution for block in blocks),
            "business_type": each(header.business_type for header in headers),
            "agreement_type": each(header.agreement_type for header in headers),
            "category": _objects(block.categories for block in blocks),
            "resource": each(header.resource for header in headers),
        }
    )
    order = np.lexsort((starts, np.repeat(_series_numbers(blocks), sizes)))
    if (np.diff(order) == 1).all():
        return frame
    return frame.iloc[order].reset_index(drop=True)


def _objects(columns: Iterable[Objects]) -> pd.Series:
    return pd.Series(np.concatenate([_NO_OBJECT, *columns]), dtype=object)


def _series_numbers(blocks: Sequence[Block]) -> list[int]:
    """Return for each block the number of its series, in order of first appearance."""
    numbers: dict[object, int] = {}
    return [
        numbers.setdefault((block.header.identity, block.kind), len(numbers)) for block in blocks
    ]

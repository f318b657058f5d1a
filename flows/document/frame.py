"""Blocks of values as one tidy DataFrame."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from flows.document.curve import Objects
    from flows.document.series import Block

_TEXTS: Final = (
    "unit",
    "measure",
    "psr_type",
    "direction",
    "sequence",
    "currency",
    "resolution",
    "business_type",
    "agreement_type",
    "category",
    "resource",
)
"""Columns of plain objects; in one array they cost pandas what one column does, not eleven."""

_NO_TIME = np.empty(0, dtype=np.int64)
_NO_VALUE = np.empty(0, dtype=np.float64)


def build(blocks: Sequence[Block]) -> pd.DataFrame:
    """Return one row per value, series by series as they stand in the document, each by time."""
    import pandas as pd  # noqa: PLC0415 - slow, and no importer of the flow needs it before

    starts = np.concatenate([_NO_TIME, *(block.starts for block in blocks)])
    ends = np.concatenate([_NO_TIME, *(block.ends for block in blocks)])
    values = np.concatenate([_NO_VALUE, *(block.values for block in blocks)])  # noqa: PD011 - an array
    frame = pd.DataFrame(
        _texts(blocks, len(values)).T, columns=list(_TEXTS), dtype=object, copy=False
    )
    frame.insert(0, "start", pd.DatetimeIndex(starts.view("M8[ns]"), tz="UTC"))
    frame.insert(1, "end", pd.DatetimeIndex(ends.view("M8[ns]"), tz="UTC"))
    frame.insert(2, "value", values)
    numbers = _series_numbers(blocks)
    if _in_order(blocks, numbers):
        return frame
    order = np.lexsort((starts, np.repeat(numbers, [len(block.values) for block in blocks])))
    return frame.iloc[order].reset_index(drop=True)


def _texts(blocks: Iterable[Block], count: int) -> Objects:
    """Return the `count` values of each of `_TEXTS`."""
    texts: Objects = np.empty((len(_TEXTS), count), dtype=object)
    end = 0
    for block in blocks:
        start, end = end, end + len(block.values)
        header = block.header
        for row, text in zip(
            texts,
            (
                block.unit,
                block.kind.measure,
                header.psr_type,
                block.directions,
                header.sequence,
                header.currency,
                block.resolution,
                header.business_type,
                header.agreement_type,
                block.categories,
                header.resource,
            ),
            strict=True,
        ):
            row[start:end] = text
    return texts


def _series_numbers(blocks: Sequence[Block]) -> list[int]:
    """Return for each block the number of its series, in order of first appearance."""
    numbers: dict[object, int] = {}
    return [
        numbers.setdefault((block.header.identity, block.kind), len(numbers)) for block in blocks
    ]


def _in_order(blocks: Sequence[Block], numbers: Sequence[int]) -> bool:
    """Say whether the blocks stand series by series, each by time, as their own values do."""
    return all(
        ahead < number or (ahead == number and first.starts[-1] <= block.starts[0])
        for (ahead, first), (number, block) in pairwise(zip(numbers, blocks, strict=True))
    )

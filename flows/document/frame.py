"""Blocks of values as columns, and as one tidy DataFrame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
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


@dataclass(frozen=True, eq=False)
class Columns:
    """The values of a document: numpy's arrays, of which pandas makes a frame when it is asked.

    Args:
        starts: when each value begins to hold, in nanoseconds since 1970 UTC (int64).
        ends: when it ends to (int64).
        values: the values (float64), NaN where one is missing.
        texts: one row of objects for each of `_TEXTS`, each as long as `values`.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    texts: Objects

    def __len__(self) -> int:
        return len(self.values)

    def distinct(self, name: str) -> set[Any]:
        """Return what stands in the text column `name`, but for None."""
        return set(self.texts[_TEXTS.index(name)]) - {None}

    def frame(self) -> pd.DataFrame:
        """Return one row per value."""
        import pandas as pd  # noqa: PLC0415 - slow and large, and publishing itself needs no frame

        frame = pd.DataFrame(self.texts.T, columns=list(_TEXTS), dtype=object, copy=False)
        frame.insert(0, "start", pd.DatetimeIndex(self.starts.view("M8[ns]"), tz="UTC"))
        frame.insert(1, "end", pd.DatetimeIndex(self.ends.view("M8[ns]"), tz="UTC"))
        frame.insert(2, "value", self.values)
        return frame


def gather(blocks: Sequence[Block]) -> Columns:
    """Return the values series by series as they stand in the document, each by time."""
    starts = np.concatenate([_NO_TIME, *(block.starts for block in blocks)])
    ends = np.concatenate([_NO_TIME, *(block.ends for block in blocks)])
    values = np.concatenate([_NO_VALUE, *(block.values for block in blocks)])  # noqa: PD011 - an array
    texts = _texts(blocks, len(values))
    numbers = _series_numbers(blocks)
    if _in_order(blocks, numbers):
        return Columns(starts, ends, values, texts)
    order = np.lexsort((starts, np.repeat(numbers, [len(block.values) for block in blocks])))
    return Columns(starts[order], ends[order], values[order], texts[:, order])


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

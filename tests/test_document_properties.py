"""Generated documents: expansion against plain loops and entsoe-py, splitting, overlaps."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from entsoe import parsers
from hypothesis import given, settings
from hypothesis import strategies as st

from documents import AT, BE, DE_LU, NL, document, into, period, series
from flows.document import read
from flows.document.overlap import Rows, later_wins

START = datetime(2024, 6, 14, 22, tzinfo=UTC)
MINUTES = {"PT1M": 1, "PT5M": 5, "PT15M": 15, "PT30M": 30, "PT60M": 60}

pytestmark = [
    pytest.mark.filterwarnings("ignore::Warning:entsoe.*"),
    pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning"),
]
few = settings(max_examples=60, deadline=None)

numbers = st.decimals(-100_000, 100_000, places=3).map(str)


@st.composite
def periods(draw, curves=("A01", "A03"), resolutions=tuple(MINUTES), *, sparse=True):
    """(curve, resolution, count, values by position) of one period.

    Sparse: values may be missing, and the first position as well.
    """
    count = draw(st.integers(1, 60))
    positions = draw(st.sets(st.integers(1, count), min_size=1, max_size=30))
    if not sparse:
        positions.add(1)
    texts = st.one_of(numbers, st.none()) if sparse else numbers
    order = draw(st.permutations(sorted(positions)))
    return (
        draw(st.sampled_from(curves)),
        draw(st.sampled_from(resolutions)),
        count,
        {position: draw(texts) for position in order},
    )


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def written(drawn, **fields) -> str:
    curve, resolution, count, values = drawn
    end = START + timedelta(minutes=MINUTES[resolution] * count)
    return series(
        period(values, start=text(START), end=text(end), resolution=resolution),
        curve=curve,
        **fields,
    )


def expected(drawn) -> list[tuple[datetime, datetime, float]]:
    """The rows by plain loops."""
    curve, resolution, count, values = drawn
    step = timedelta(minutes=MINUTES[resolution])
    rows, value = [], math.nan
    for position in range(1, count + 1):
        if position in values:
            value = math.nan if values[position] is None else float(values[position])
        elif curve == "A01":
            value = math.nan
        start = START + (position - 1) * step
        rows.append((start, start + step, value))
    return rows


def rows(frame) -> list[tuple[datetime, datetime, float]]:
    return list(frame[["start", "end", "value"]].itertuples(index=False, name=None))


@few
@given(periods())
def test_expansion_is_that_of_plain_loops(drawn):
    """Every row of a generated period is what a loop over its positions gives."""
    (found,) = read(document(written(drawn)))
    assert np.array_equal(
        [value for *_, value in rows(found.frame)],
        [value for *_, value in expected(drawn)],
        equal_nan=True,
    )
    assert [row[:2] for row in rows(found.frame)] == [row[:2] for row in expected(drawn)]


@few
@given(periods(curves=("A03",), resolutions=("PT15M", "PT30M", "PT60M"), sparse=False))
def test_expansion_is_that_of_entsoe_where_that_is_right(drawn):
    """One variable-block series from position 1, without gaps: the same as entsoe-py's parser."""
    xml = document(written(drawn))
    (found,) = read(xml)
    theirs = parsers.parse_loads(xml)["Forecasted Load"]
    assert found.frame["value"].tolist() == theirs.tolist()
    assert found.frame["start"].tolist() == theirs.index.tolist()


@few
@given(st.lists(st.tuples(st.sampled_from([AT, BE, DE_LU, NL]), periods()), min_size=1, max_size=6))
def test_splitting_loses_and_doubles_nothing(drawn):
    """Each zone of a generated document reads again equal; together they are the whole."""
    content = [
        written(one, where=into(eic), psr_type=f"B{number:02}", number=number)
        for number, (eic, one) in enumerate(drawn, 1)
    ]
    found = read(document(*content))
    assert [part.zone.eic for part in found] == list(dict.fromkeys(eic for eic, _ in drawn))
    assert sum(len(part.frame) for part in found) == sum(one[2] for _, one in drawn)
    for part in found:
        (again,) = read(part.xml)
        assert again.frame.equals(part.frame)
        assert again.key == part.key


@st.composite
def spans(draw):
    """Blocks of rows that follow each other without overlap, at small integer times."""
    edges = draw(st.sets(st.integers(0, 30), min_size=2, max_size=8).map(sorted))
    keep = draw(st.lists(st.booleans(), min_size=len(edges) - 1, max_size=len(edges) - 1))
    pairs = [pair for pair, kept in zip(pairwise(edges), keep, strict=True) if kept]
    return pairs or [(edges[0], edges[-1])]


@settings(max_examples=200, deadline=None)
@given(st.lists(spans(), min_size=1, max_size=5))
def test_at_every_moment_the_last_block_holds(blocks):
    """What is left of overlapping blocks is, at each moment, the row of the last that has one."""
    arrays = [Rows(*np.array(block, dtype=np.int64).T) for block in blocks]
    kept = later_wins(arrays)
    if kept is None:
        taken = [moment for block in blocks for start, end in block for moment in range(start, end)]
        assert len(taken) == len(set(taken))
        return
    for moment in range(30):
        owners = [
            (number, row)
            for number, block in enumerate(blocks)
            for row, (start, end) in enumerate(block)
            if start <= moment < end
        ]
        left = [
            (number, int(row))
            for number, part in enumerate(kept)
            for row, start, end in zip(*part, strict=True)
            if start <= moment < end
        ]
        assert left == owners[-1:]

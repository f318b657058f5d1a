"""How fast a market document is read, against `entsoe.parsers`, and how that grows with its size.

The documents are generation by unit (A73), the family that holds most series: a day of 96
quarter-hours for each of 1 to 1,000 units, all values there. Both sides begin with the same text
and end with a DataFrame of the same values; ours refuses what is not sound, and gives the zone's
own document back, as well. They take turns in one process, and what counts is that process's time
on the processor: the median of the rounds' ratios.
"""

from __future__ import annotations

import gc
import random
import time
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.machine import in_fresh_process, peak_memory_mb
from benchmarks.row import Aim, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    import pandas as pd
    from pydantic import JsonValue

_AIMS: Final = {1: 8, 10: 15, 100: 25, 1_000: 30}
AIMS: Final = {
    f"reader_{count}": Aim(least, f"reading {count:,} series × 96 against entsoe.parsers")
    for count, least in _AIMS.items()
}

_ROUNDS: Final = {1: 31, 10: 15, 100: 7, 1_000: 3}
_REPEATS: Final = 5
"""Times that ours reads in a round: it is that much faster, and the clock is no finer."""

_SEED: Final = 543
_NAMESPACE: Final = "urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"
_DAY: Final = "<start>2024-06-14T22:00Z</start><end>2024-06-15T22:00Z</end>"


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`."""
    previous: float | None = None
    for count in _AIMS:
        name = f"reader_{count}"
        if name not in names:
            continue
        ours, theirs = in_fresh_process(race, count)
        each = median(ours) / count
        raw: dict[str, JsonValue] = {
            "ours_ms": [round(taken, 3) for taken in ours],
            "entsoe_ms": [round(taken, 2) for taken in theirs],
            "ours_ms_per_series": round(each, 3),
            # 1 where ten times as many series take ten times as long.
            "growth": round(each / previous, 2) if previous else None,
            **in_fresh_process(weigh, count),
        }
        previous = each
        ratio = median(other / one for one, other in zip(ours, theirs, strict=True))
        yield AIMS[name].row(name, ratio, raw)


def race(count: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each round for `count` series: ours, and entsoe-py's."""
    from entsoe import parsers  # noqa: PLC0415 - slow, and in this process only

    text = units(count)
    expected = parsers.parse_generation(text, per_plant=True)
    frame = _read(text)
    if len(frame) != expected.size or frame["value"].sum() != expected.to_numpy().sum():
        message = f"both were to read the same values: {len(frame)} and {expected.size}"
        raise RuntimeError(message)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(_ROUNDS[count]):
        ours.append(_milliseconds(lambda: _read(text), _REPEATS))
        theirs.append(_milliseconds(lambda: parsers.parse_generation(text, per_plant=True), 1))
    return ours, theirs


def weigh(count: int) -> dict[str, JsonValue]:
    """Return the size of the document, and what this process has grown by when it was read."""
    text = units(count)
    _read(units(1))
    before = peak_memory_mb()
    _read(text)
    return {
        "document_mb": round(len(text) / 2**20, 2),
        "peak_mb": round(peak_memory_mb() - before, 1),
    }


def units(count: int) -> str:
    """Return a document of the generation of `count` units on one day."""
    values = random.Random(_SEED)  # noqa: S311 - no secret
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<GL_MarketDocument xmlns="{_NAMESPACE}"><mRID>1</mRID>'
        "<revisionNumber>1</revisionNumber><type>A73</type>"
        "<process.processType>A16</process.processType>"
        "<createdDateTime>2024-06-16T08:00:00Z</createdDateTime>"
        f"<time_Period.timeInterval>{_DAY}</time_Period.timeInterval>"
        + "".join(_unit(number, values) for number in range(1, count + 1))
        + "</GL_MarketDocument>"
    )


def _unit(number: int, values: random.Random) -> str:
    points = "".join(
        f"<Point><position>{position}</position><quantity>{values.randrange(900)}</quantity></Point>"
        for position in range(1, 97)
    )
    resource = f'<mRID codingScheme="A01">11WD-UNIT-{number:06}</mRID><name>Unit {number}</name>'
    return (
        f"<TimeSeries><mRID>{number}</mRID><businessType>A01</businessType>"
        "<objectAggregation>A06</objectAggregation>"
        '<inBiddingZone_Domain.mRID codingScheme="A01">10Y1001A1001A82H'
        "</inBiddingZone_Domain.mRID>"
        "<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A01</curveType>"
        "<MktPSRType><psrType>B04</psrType>"
        f"<PowerSystemResources>{resource}</PowerSystemResources></MktPSRType>"
        f"<Period><timeInterval>{_DAY}</timeInterval><resolution>PT15M</resolution>{points}</Period>"
        "</TimeSeries>"
    )


def _read(text: str) -> pd.DataFrame:
    """Return what the parsers of entsoe-py return, too: a frame, from whole text."""
    from flows.document import Acknowledgement, read  # noqa: PLC0415 - slow, and where it is needed

    found = read(text)
    if isinstance(found, Acknowledgement):
        message = "there should be a market document"
        raise TypeError(message)
    return found[0].frame


def _milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Return what `work` takes on the processor, the mean of `repeats` times."""
    gc.collect()
    started = time.process_time()
    for _ in range(repeats):
        work()
    return 1_000 * (time.process_time() - started) / repeats

"""Numbers as the schemas write them, checked many at once: each on a line of its own."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DECIMALS = re.compile(r"(?:[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,3})?\n)*+", re.ASCII)
"""Lines that are decimal numbers, with an exponent or without."""

POSITIONS = re.compile(r"(?:[1-9]\d{0,8}\n)*+", re.ASCII)
"""Lines that are whole numbers from 1."""


def are_all(texts: Sequence[str], lines: re.Pattern[str]) -> bool:
    """Say whether each of `texts`, put on a line of its own, is what `lines` describes."""
    joined = "\n".join(texts) + "\n"
    return joined.count("\n") == len(texts) and lines.fullmatch(joined) is not None


def is_decimal(text: str) -> bool:
    """Say whether `text` is a finite decimal number as the schemas write one."""
    return are_all([text], DECIMALS) and math.isfinite(float(text))

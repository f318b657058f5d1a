"""What a benchmark gives: a ratio, what it should be, and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


@dataclass(frozen=True)
class Aim:
    """At least `value`, or where `upward` is not wanted, less; `what` explains the row."""

    value: float
    what: str
    upward: bool = True

    def __str__(self) -> str:
        return f"{'>=' if self.upward else '<'} {self.value:g}"

    def row(self, name: str, ratio: float, raw: Mapping[str, JsonValue]) -> Row:
        """Return the row of what was measured."""
        holds = ratio >= self.value if self.upward else ratio < self.value
        return Row(name, ratio, str(self), holds, dict(raw))


@dataclass(frozen=True)
class Row:
    """One line of the table, one object of the JSON file."""

    row: str
    ratio: float
    aim: str
    holds: bool
    raw: dict[str, JsonValue]

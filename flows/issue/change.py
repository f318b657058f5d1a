"""What moved since an earlier issue, key figure by key figure, from values and not from words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from flows.issue.inert import Line
from flows.notebook.amounts import number
from flows.notebook.parts import Kpi

if TYPE_CHECKING:
    from collections.abc import Iterable

_DECIMALS = re.compile(r"\d\.(\d+)")
_PERCENT: Final = "%"
_LARGEST_PERCENT: Final = 1000
_HUNDRED: Final = 100


class Change(BaseModel):
    """One key figure in two issues; `before` is None where it appeared, `after` where it vanished.

    At least one of them is there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Line
    before: Kpi | None
    after: Kpi | None

    @property
    def difference(self) -> float | None:
        """How much the figure rose, in its unit; None unless both are numbers in the same unit."""
        if self.before is None or self.after is None or self.before.unit != self.after.unit:
            return None
        if self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value

    @property
    def percent(self) -> float | None:
        """The rise in percent of the figure before.

        None where that says nothing: without a difference, of a percentage, from zero, and where
        the sign changes.
        """
        difference = self.difference
        if difference is None or self.before is None or self.after is None:
            return None
        before, after = self.before.value or 0.0, self.after.value or 0.0
        if self.before.unit.startswith(_PERCENT) or before == 0 or before * after < 0:
            return None
        return _HUNDRED * difference / abs(before)

    @property
    def moved(self) -> str:
        """Both figures as readers saw them: `41.2 → 39.9 GW`; `new: 3 h`; `was 3 h`."""
        if self.before is None or self.after is None:
            return f"was {shown(self.before)}" if self.before else f"new: {shown(self.after)}"
        # A unit that both have is said once.
        same_unit = self.difference is not None
        before = self.before.text if same_unit else shown(self.before)
        return f"{before} → {shown(self.after)}"

    @property
    def by(self) -> str:
        """The difference, in the unit of `moved`: `−1.3 (−3.2 %)`; empty where there is none.

        Percentages differ by percentage points: `−2.1 pp`.
        """
        if self.difference is None or self.before is None or self.after is None:
            return ""
        digits = max(map(_digits, (self.before.text, self.after.text)))
        said = number(self.difference, digits, sign=True)
        if self.after.unit.startswith(_PERCENT):
            said += " pp"
        if self.percent is not None and abs(self.percent) < _LARGEST_PERCENT:
            digits = 1 if abs(self.percent) < _HUNDRED else 0
            said += f" ({number(self.percent, digits, sign=True)} %)"
        return said

    @property
    def words(self) -> str:
        """The change in one line, such as `Peak 41.2 → 39.9 GW, −1.3 (−3.2 %)`."""
        said = f"{self.label} {self.moved}"
        return f"{said}, {self.by}" if self.by else said


def shown(kpi: Kpi | None) -> str:
    """Return a figure with its unit, which a missing value has none of."""
    if kpi is None:
        return ""
    return kpi.text if kpi.value is None else f"{kpi.text} {kpi.unit}".strip()


def between(before: Iterable[Kpi], after: Iterable[Kpi]) -> tuple[Change, ...]:
    """Return which figures readers see otherwise: in the order of `after`, then what vanished.

    Figures belong together by their labels, and those of one label by their order.
    """
    earlier, later = _by_label(before), _by_label(after)
    changes = [
        Change(label=label, before=earlier.get((label, place)), after=kpi)
        for (label, place), kpi in later.items()
        if shown(earlier.get((label, place))) != shown(kpi)
    ]
    vanished = [
        Change(label=label, before=kpi, after=None)
        for (label, place), kpi in earlier.items()
        if (label, place) not in later
    ]
    return (*changes, *vanished)


def _by_label(kpis: Iterable[Kpi]) -> dict[tuple[str, int], Kpi]:
    found: dict[tuple[str, int], Kpi] = {}
    for kpi in kpis:
        place = 0
        while (kpi.label, place) in found:
            place += 1
        found[kpi.label, place] = kpi
    return found


def _digits(text: str) -> int:
    found = _DECIMALS.search(text)
    return len(found[1]) if found else 0

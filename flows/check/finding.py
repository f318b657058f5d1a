"""What is wrong with a notebook: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Code = Literal[
    "contract",  # header, parameters cell or file: no newsletter at all
    "parameter",  # a parameter without a type, or with a value of another one
    "secret",  # a password or key in the notebook
    "path",  # a path of one machine
    "outputs",  # git has, or would have, what the notebook showed
    "sample",  # the sample is no document that the newsletter listens to
    "run",  # a cell failed, or a limit was passed
    "network",  # a cell asked for another host
    "skip",  # nothing comes of its own sample
    "headline",  # none, or too long for a subject
    "alt",  # a chart that says nothing to those who do not see it
    "part",  # something else that desk refuses to show
    "mail",  # over the mail's budget of rows, columns or bytes
    "support",  # HTML or CSS that mail programs do not show
]
CODES: tuple[str, ...] = get_args(Code)


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to mend; `cell` counts from 0 in the notebook as written, None for the whole of it.

    `case` names the edge case in which it showed, empty where no run was needed.
    """

    notebook: str
    cell: int | None
    code: Code
    what: str
    remedy: str
    case: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return asdict(self)

    def as_line(self) -> str:
        """Return the finding for people, in one line."""
        where = self.notebook if self.cell is None else f"{self.notebook}, cell {self.cell}"
        case = f" ({self.case})" if self.case else ""
        return f"{self.code:<9} {where}: {self.what.rstrip('.')}{case}. {self.remedy}"

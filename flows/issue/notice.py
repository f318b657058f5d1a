"""What stands above an issue about an earlier one: corrected, replaced, or merely the one before.

For all three alternatives alike; each notice has one link, to the earlier issue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.issue import when

if TYPE_CHECKING:
    from flows.issue.change import Change
    from flows.issue.issue import Issue

UNCHANGED = "No key figure has changed."


@dataclass(frozen=True)
class Notice:
    """`label opening [link] closing`, then what changed.

    `path` leads to the earlier issue, `link` names it.
    """

    label: str
    opening: str
    link: str
    closing: str
    path: str
    changes: tuple[Change, ...]

    @property
    def sentence(self) -> str:
        """The notice in words, without what changed."""
        return f"{self.label}{self.opening}{self.link}{self.closing}"


def of(issue: Issue, compared: Issue | None) -> Notice | None:
    """Return what `issue` says about `compared`, the earlier issue that its changes are from."""
    if compared is None:
        return None
    if issue.corrects is not None:
        said = "" if compared.headline == issue.headline else f", “{compared.headline}”"
        return Notice(
            label="Correction",
            opening=" of the ",
            link=f"issue of {when.stamp(compared.published, issue.zone.tz)}",
            closing=f"{said}.",
            path=compared.path,
            changes=issue.changes,
        )
    if issue.supersedes == compared.issue_id:
        return Notice(
            label=f"Update: revision {issue.revision}",
            opening=" replaces ",
            link=f"revision {compared.revision}",
            closing=".",
            path=compared.path,
            changes=issue.changes,
        )
    return Notice(
        label="Since the issue before",
        opening=" (",
        link=_apart(compared, issue),
        closing="):",
        path=compared.path,
        changes=issue.changes,
    )


def _apart(compared: Issue, issue: Issue) -> str:
    """Return what tells `compared` from `issue`: its period, else its process, else its time."""
    tz = compared.zone.tz
    if (compared.start, compared.end) != (issue.start, issue.end):
        return when.period(compared.start, compared.end, tz)
    created = f"created {when.stamp(compared.created, tz)}"
    if compared.process_type_name and compared.process_type != issue.process_type:
        return f"{compared.process_type_name}, {created}"
    return created

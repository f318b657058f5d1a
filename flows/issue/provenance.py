"""Where an issue's figures come from, as rows of label and text for page, mail and plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.issue import when

if TYPE_CHECKING:
    from flows.issue.issue import Issue, Zone

SOURCE = "ENTSO-E Transparency Platform"


@dataclass(frozen=True)
class Row:
    """One fact, such as `Revision` and `2`; `is_code` where it is an id, not words."""

    label: str
    text: str
    is_code: bool = False


def rows(issue: Issue) -> tuple[Row, ...]:
    """Return document and process type, area, period, revision, creation and mRID of `issue`."""
    tz = issue.zone.tz
    found = [
        Row("Source", SOURCE),
        Row("Document", f"{issue.document_type_name} ({issue.document_type})"),
    ]
    if issue.process_type is not None:
        found.append(Row("Process", f"{issue.process_type_name} ({issue.process_type})"))
    if issue.counter_zone is None:
        found.append(Row("Area", _area(issue.zone)))
    else:
        found += [Row("From", _area(issue.counter_zone)), Row("To", _area(issue.zone))]
    return (
        *found,
        Row("Period", f"{when.stamp(issue.start, tz)} – {when.stamp(issue.end, tz)}"),
        Row("Revision", f"{issue.revision}{' (provisional)' if issue.provisional else ''}"),
        Row("Created", f"{when.stamp(issue.created, tz)} ({when.stamp_utc(issue.created)})"),
        Row("mRID", issue.mrid, is_code=True),
    )


def _area(zone: Zone) -> str:
    return f"{zone.name}, EIC {zone.eic}"

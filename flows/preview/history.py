"""Documents of the past, from the archive, newest first: what a notebook can be tried on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final, overload

from flows.errors import StorageError
from flows.issue import slug, when
from flows.preview.draft import has_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.archive import Archive
    from flows.issue import Issue
    from flows.settings import Settings

MOST: Final = 100


class Documents(Sequence[str]):
    """Archived market documents as XML text, newest first; each is read when it is asked for.

    JupyterLab shows what there is as a table, with the number that each is got by.
    """

    def __init__(self, archive: Archive, issues: Sequence[Issue]) -> None:
        self._archive = archive
        self._issues = issues

    def __len__(self) -> int:
        return len(self._issues)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Documents: ...
    def __getitem__(self, index: int | slice) -> str | Documents:
        if isinstance(index, slice):
            return Documents(self._archive, self._issues[index])
        return self._archive.document(self._issues[index])

    def __repr__(self) -> str:
        return "\n".join(" · ".join(row) for row in self._rows()) or "no documents"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        return f"<table><tr>{head}</tr>{body}</table>" if self._issues else "<p>no documents</p>"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for number, issue in enumerate(self._issues):
            yield (
                str(number),
                when.period(issue.start, issue.end, issue.zone.tz),
                issue.process_type_name or "",
                str(issue.revision),
                when.stamp(issue.created, issue.zone.tz),
                issue.headline,
            )


_COLUMNS: Final = ("", "Period", "Stage", "Revision", "Created", "Headline")


def documents(archive: Archive, zone_code: str, document_type: str) -> Documents:
    """Return the newest `MOST` documents of a type about a zone, by period, then by creation."""
    found: dict[tuple[str, int], Issue] = {}
    for issue in _newest_first(archive, zone_code):
        if issue.document_type == document_type and issue.corrects is None:
            # Two newsletters about one document have it in the archive twice.
            found.setdefault((issue.document_key, issue.revision), issue)
        if len(found) == MOST:
            break
    ordered = sorted(found.values(), key=lambda i: (i.start, i.created, i.revision), reverse=True)
    return Documents(archive, ordered)


def check(options: Settings) -> None:
    """Refuse to look into an archive that is not there.

    Raises:
        StorageError: there is none.
    """
    if not has_archive(options):
        raise StorageError(
            f"there is no archive at {options.archive_address}",
            remedy="Set GRIDLETTER_HOME or GRIDLETTER_ARCHIVE where JupyterLab is started; "
            "`gridletter demo` and `gridletter backfill` fill one.",
            path=options.archive_address,
        )


def _newest_first(archive: Archive, zone_code: str) -> Iterator[Issue]:
    """Yield the issues about a zone, those about the latest days first."""
    store = archive.store
    days = []
    for newsletter in store.folders("issues"):
        place = f"issues/{newsletter}/{slug(zone_code)}"
        for year in store.folders(place):
            days += [
                (year, day, f"{place}/{year}/{day}") for day in store.folders(f"{place}/{year}")
            ]
    for _, _, folder in sorted(days, reverse=True):
        for issue_id in store.folders(folder):
            issue = archive.load(f"{folder}/{issue_id}")
            if issue is not None:
                yield issue

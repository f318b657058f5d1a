"""Issues in the archive: written once, found by newsletter, bidding zone and day.

`issue.json` is written last and only where none stands: an issue is in the archive when that object
is, and not before. What an interrupted run left behind is written over by the next one.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from flows.archive import site
from flows.errors import StorageError
from flows.issue import DOCUMENT_FILE, MAIL_FILE, TEXT_FILE, Issue, slug, with_cids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from flows.archive.store import Store
    from flows.document import MarketDocument

RECORD = "issue.json"
LATEST = 60
_LOOK_BACK_DAYS = 7


class Archive:
    """The issues in `store`; `url` (with a slash at its end) is where readers find them."""

    def __init__(self, store: Store, url: str) -> None:
        self.store = store
        self.url = url

    def page_url(self, issue_path: str) -> str:
        """Return the address of the issue's page."""
        return f"{self.url}{issue_path}/index.html"

    def load(self, issue_path: str) -> Issue | None:
        """Return the issue at `issue_path`, or None where there is none (yet)."""
        record = self.store.get(f"{issue_path}/{RECORD}")
        return None if record is None else Issue.model_validate_json(record)

    def file(self, issue: Issue, name: str) -> bytes:
        """Return a file of the issue.

        Raises:
            StorageError: it is gone from the archive, or can't be read.
        """
        data = self.store.get(f"{issue.path}/{name}")
        if data is None:
            raise StorageError(
                f"{issue.path}/{name} is gone from the archive",
                remedy="Bring it back from a copy of the archive.",
                path=f"{issue.path}/{name}",
            )
        return data

    def document(self, issue: Issue | None) -> str:
        """Return the market document behind `issue`, as XML text; empty where there is no issue."""
        return "" if issue is None else self.file(issue, DOCUMENT_FILE).decode()

    def mail(self, issue: Issue) -> tuple[str, str, dict[str, bytes]]:
        """Return the issue's mail: HTML with `cid:` images, text, and charts as PNG by name."""
        charts = {figure.name: self.file(issue, figure.name) for figure in issue.figures}
        html = with_cids(self.file(issue, MAIL_FILE).decode(), issue.figures)
        return html, self.file(issue, TEXT_FILE).decode(), charts

    def commit(self, issue: Issue, files: Mapping[str, bytes]) -> bool:
        """Write the issue's `files` and its record; return False where it stood already.

        Raises:
            StorageError: something can't be written; the issue is then not in the archive.
        """
        for name, data in files.items():
            self.store.put(f"{issue.path}/{name}", data)
        # Before the record, so that no issue is without it; without a record it leads nowhere.
        folder = _revisions_folder(issue.newsletter, issue.document_key)
        self.store.put(f"{folder}/{issue.revision}", issue.path.encode())
        return self.store.create(
            f"{issue.path}/{RECORD}", issue.model_dump_json(indent=1).encode() + b"\n"
        )

    def revisions(self, newsletter: str, document: MarketDocument) -> list[Issue]:
        """Return the issues about the same document key, lowest revision first."""
        pointers = self.store.list(_revisions_folder(newsletter, document.key))
        paths = [self.store.get(pointer) for pointer in pointers]
        issues = [self.load(path.decode()) for path in paths if path is not None]
        return sorted(
            (issue for issue in issues if issue is not None), key=lambda issue: issue.revision
        )

    def previous(self, newsletter: str, document: MarketDocument) -> Issue | None:
        """Return the issue that readers had last for the zone, before `document`.

        That is the latest of the same period where there is one (an earlier forecast or revision),
        else the latest of the days before, within a week.
        """
        day = _day(document)
        for back in range(_LOOK_BACK_DAYS + 1):
            found = [
                issue
                for issue in self._on(newsletter, document.zone.code, day - timedelta(days=back))
                if (issue.document_key, issue.revision) != (document.key, document.revision)
                and issue.created <= document.created
            ]
            if found:
                return max(found, key=lambda issue: (issue.created, issue.revision))
        return None

    def covering(
        self, newsletter: str, document: MarketDocument, process_type: str
    ) -> Issue | None:
        """Return the newest issue of `process_type` whose period holds that of `document`."""
        day = _day(document)
        found = [
            issue
            for back in range(_LOOK_BACK_DAYS + 1)
            for issue in self._on(newsletter, document.zone.code, day - timedelta(days=back))
            if issue.process_type == process_type
            and issue.start <= document.start
            and issue.end >= document.end
        ]
        return max(found, key=lambda issue: (issue.created, issue.revision), default=None)

    def refresh(self) -> None:
        """Write the front page and the feed anew from the latest issues."""
        issues = self.latest()
        self.store.put("index.html", site.index_page(issues))
        self.store.put("feed.xml", site.feed(issues, self.url))

    def latest(self) -> list[Issue]:
        """Return the issues of the latest periods, newest publication first."""
        records = [path for path in self.store.list("issues") if path.endswith(f"/{RECORD}")]
        records.sort(key=lambda path: path.split("/")[3:5], reverse=True)
        issues = [self.load(path.removesuffix(f"/{RECORD}")) for path in records[:LATEST]]
        return sorted(
            (issue for issue in issues if issue is not None),
            key=lambda issue: (issue.published, issue.issue_id),
            reverse=True,
        )

    def _on(self, newsletter: str, zone_code: str, day: date) -> Iterator[Issue]:
        folder = f"issues/{slug(newsletter)}/{slug(zone_code)}/{day:%Y/%m-%d}"
        for path in sorted(self.store.list(folder)):
            if path.endswith(f"/{RECORD}"):
                issue = self.load(path.removesuffix(f"/{RECORD}"))
                if issue is not None:
                    yield issue


def _revisions_folder(newsletter: str, document_key: str) -> str:
    """Return where the revisions of a document are found, whichever day they begin on."""
    digest = hashlib.blake2b(document_key.encode(), digest_size=10).hexdigest()
    return f"revisions/{slug(newsletter)}/{digest}"


def _day(document: MarketDocument) -> date:
    return document.start.astimezone(ZoneInfo(document.zone.tz)).date()

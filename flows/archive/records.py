"""The issues as they were written: their records and files, which all else is derived from."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from flows.archive import paths
from flows.archive.paths import RECORD
from flows.errors import StorageError, one_line
from flows.issue import Issue

if TYPE_CHECKING:
    from flows.archive.store import Store

_RESTORE = "Bring it back from a copy of the archive, then run gridletter site build."


class Records:
    """Reads what is written once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, issue_path: str) -> Issue | None:
        """Return the issue at `issue_path`, or None where there is none (yet).

        Raises:
            StorageError: its record is damaged or of another issue, or can't be read.
        """
        data = self._store.get(f"{issue_path}/{RECORD}")
        return None if data is None else parse_record(issue_path, data)

    def file(self, issue: Issue, name: str) -> bytes:
        """Return a file of the issue.

        Raises:
            StorageError: it is gone from the archive or not what was written, or can't be read.
        """
        path = f"{issue.path}/{name}"
        data = self._store.get(path)
        if data is None:
            raise missing(path)
        if hashlib.sha256(data).hexdigest() != issue.files.get(name):
            raise StorageError(f"{path} is not what was written", remedy=_RESTORE, path=path)
        return data

    def add_revision(self, issue: Issue) -> None:
        """Note where this revision of the document is found, unless that is noted already.

        Raises:
            StorageError: it can't be written.
        """
        path = paths.revisions(issue.newsletter, issue.document_key)
        revision = str(issue.revision)

        def added(data: bytes | None) -> bytes:
            known = {**_revisions(data), revision: issue.path}
            return json.dumps(known, sort_keys=True).encode() + b"\n"

        if _revisions(self._store.get(path)).get(revision) != issue.path:
            self._store.update(path, added)

    def revisions(self, newsletter: str, document_key: str) -> list[str]:
        """Return the paths of the issues about a document; some may not be there (yet)."""
        path = paths.revisions(newsletter, document_key)
        return list(_revisions(self._store.get(path)).values())

    def linked(self, issue: Issue) -> list[Issue]:
        """Return what `issue` supersedes and is superseded by, where that is of another month.

        Another series counts as well. Raises no error for a damaged record: that is not this
        issue's business.
        """
        home = _home(issue.path)
        found = []
        for path in self.revisions(issue.newsletter, issue.document_key):
            if _home(path) != home:
                try:
                    other = self.load(path)
                except StorageError:
                    continue
                if other is not None and (
                    other.supersedes == issue.issue_id or issue.supersedes == other.issue_id
                ):
                    found.append(other)
        return found


def missing(path: str) -> StorageError:
    """Return the error that says that a file is gone."""
    return StorageError(f"{path} is gone from the archive", remedy=_RESTORE, path=path)


def parse_record(issue_path: str, data: bytes) -> Issue:
    """Return the issue whose record is `data`.

    Raises:
        StorageError: it is damaged, or that of another issue.
    """
    path = f"{issue_path}/{RECORD}"
    try:
        issue = Issue.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        why = one_line(f"{first['msg']} {where}", 200)
        raise StorageError(f"{path} is damaged: {why}", remedy=_RESTORE, path=path) from error
    if issue.path != issue_path:
        raise StorageError(f"{path} is that of {issue.path}", remedy=_RESTORE, path=path)
    return issue


def _revisions(data: bytes | None) -> dict[str, str]:
    """Return the paths by revision; none where there is nothing, or nothing that can be read.

    What is damaged is written anew by a rebuild, which looks at every issue.
    """
    try:
        known = json.loads(data or b"{}")
    except ValueError:
        return {}
    if not isinstance(known, dict):
        return {}
    return {
        revision: path
        for revision, path in known.items()
        if revision.isdecimal() and isinstance(path, str) and paths.is_issue(path)
    }


def _home(issue_path: str) -> tuple[str, ...]:
    """Return newsletter, zone, year and month of a path."""
    _, newsletter, zone, year, day = issue_path.split("/")[:5]
    return newsletter, zone, year, day[:2]

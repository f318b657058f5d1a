"""An archived issue's files, from wherever it is kept, each checked against its sum."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit

from pydantic import ValidationError

from flows.archive.find import is_id, path_of
from flows.archive.paths import RECORD, is_issue
from flows.errors import SettingsError, StorageError, one_line
from flows.issue import Issue

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.archive.store import Store

LARGEST_BYTES: Final = 64 << 20
_TIMEOUT_SECONDS: Final = 20.0
_MOST_REDIRECTS: Final = 5
_FILE_NAME = re.compile(r"[a-z0-9-]+\.(html|txt|ipynb|xml|png)")
_NOT_FOUND = frozenset({403, 404, 410})  # S3 says 403 where listing is not allowed
_OK = 200


@dataclass(frozen=True)
class Source:
    """Where an issue is; `read` gives a file by its path from the issue's folder, or None."""

    name: str
    read: Callable[[str], bytes | None]


@dataclass(frozen=True)
class Archived:
    """An issue and its files as they were found.

    `damaged` says which are gone or not what was written; `files` has the others.
    """

    issue: Issue
    files: dict[str, bytes]
    damaged: tuple[str, ...]


def find(issue: str, store: Callable[[], Store]) -> Source:
    """Return where `issue` is.

    Args:
        issue: The folder of an issue (or a file in it), the http(s) or file address of its page, or
            an id of 20 hexadecimal digits.
        store: Opens the archive in which an id is looked up.

    Raises:
        SettingsError: it is none of these, or the archive knows no such id.
        StorageError: the archive can't be read.
    """
    if is_id(issue):
        return _in_archive(issue, store())
    address = urlsplit(issue)
    if address.scheme in {"http", "https"}:
        # The frame's address: what a page's links are relative to.
        whole = address._replace(query="", fragment="").geturl()
        return Source(issue, partial(_from_web, _folder_url(whole)))
    path = Path(unquote(address.path)) if address.scheme == "file" else Path(issue)
    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        raise SettingsError(
            f"{one_line(issue, 200)} is no folder, address or id of an issue",
            remedy="Name the folder that holds the issue's issue.json, its page's address or id.",
            setting="ISSUE",
        )
    return Source(issue, partial(_from_folder, folder))


def load(source: Source) -> Archived:
    """Read record and files of the issue at `source`, and compare each file with its sum.

    Raises:
        StorageError: there is no issue, its record is damaged, or something can't be read.
    """
    record = source.read(RECORD)
    if record is None:
        raise StorageError(
            f"there is no issue at {source.name}: no {RECORD}",
            remedy="Name the folder of an issue, the address of its page, or its id.",
            path=source.name,
        )
    try:
        issue = Issue.model_validate_json(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise StorageError(
            f"the {RECORD} of {source.name} is damaged: {one_line(first['msg'], 200)} {where}",
            remedy="Bring it back from a copy of the archive.",
            path=f"{source.name}/{RECORD}",
        ) from error
    files, damaged = {}, []
    for name, sha256 in sorted(issue.files.items()):
        data = source.read(name) if _FILE_NAME.fullmatch(name) else None
        if data is None:
            damaged.append(f"{one_line(name, 80)} is gone")
        elif hashlib.sha256(data).hexdigest() != sha256:
            damaged.append(f"{name} is not what was written")
        else:
            files[name] = data
    return Archived(issue, files, tuple(damaged))


def other_document(source: Source, issue: Issue, other_path: str, name: str) -> str:
    """Return the file `name` of another issue of the same archive, as text; its sum is checked.

    Args:
        source: Where `issue` is.
        issue: The issue whose record names the other one.
        other_path: The other issue's path in the archive.
        name: The file's name.

    Raises:
        StorageError: it is not there, or not what was written.
    """
    data = record = None
    if is_issue(other_path) and _FILE_NAME.fullmatch(name):
        folder = posixpath.relpath(f"/{other_path}", f"/{issue.path}")
        data = source.read(f"{folder}/{name}")
        record = source.read(f"{folder}/{RECORD}")
    try:
        wanted = Issue.model_validate_json(record).files.get(name) if record else None
    except ValidationError:
        wanted = None
    if data is None or hashlib.sha256(data).hexdigest() != wanted:
        how = "is gone" if data is None else "is not what was written"
        raise StorageError(
            f"{one_line(other_path, 200)}/{name}, which the notebook was given, {how}",
            remedy="Reproduce the issue where the issues before it are, too.",
            path=f"{other_path}/{name}",
        )
    return data.decode()


def _in_archive(issue_id: str, store: Store) -> Source:
    folder = path_of(issue_id, store)
    if folder is not None:
        return Source(folder, partial(_from_store, store, folder))
    raise SettingsError(
        f"the archive {store.address} has no issue {issue_id}",
        remedy="Name another id, or set GRIDLETTER_ARCHIVE (or GRIDLETTER_HOME) to its archive.",
        setting="GRIDLETTER_ARCHIVE",
    )


def _from_store(store: Store, folder: str, name: str) -> bytes | None:
    return store.get(posixpath.normpath(f"{folder}/{name}"))


def _from_folder(folder: Path, name: str) -> bytes | None:
    try:
        with (folder / name).open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            f"{folder / name} can't be read: {error.strerror}",
            remedy="Give this user the right to read it.",
            path=str(folder / name),
        ) from error
    return _bounded(data, str(folder / name))


def _folder_url(url: str) -> str:
    """Return the address of the folder that a page is in; a folder's own may lack its slash."""
    is_file = "." in url.rpartition("/")[2]
    return urljoin(url, ".") if is_file else f"{url.rstrip('/')}/"


def _from_web(base: str, name: str) -> bytes | None:
    import httpx  # noqa: PLC0415 - slow, and only needed here

    url, data = urljoin(base, name), bytearray()
    try:
        with (
            httpx.Client(
                timeout=_TIMEOUT_SECONDS, follow_redirects=True, max_redirects=_MOST_REDIRECTS
            ) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code in _NOT_FOUND:
                return None
            if response.status_code != _OK:
                raise _unreachable(url, f"it answers {response.status_code}")
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > LARGEST_BYTES:
                    break
    except httpx.HTTPError as error:
        raise _unreachable(url, str(error) or type(error).__name__) from error
    return _bounded(bytes(data), url)


def _unreachable(url: str, why: str) -> StorageError:
    return StorageError(
        f"{one_line(url, 300)} can't be fetched: {one_line(why, 200)}",
        remedy="Try again later, or name a copy of the issue's folder.",
        path=url,
    )


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > LARGEST_BYTES:
        raise StorageError(
            f"{one_line(name, 300)} is larger than {LARGEST_BYTES >> 20} MB",
            remedy="No issue has such a file: look at what stands there.",
            path=name,
        )
    return data

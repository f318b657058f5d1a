"""Where bytes are kept: one small interface over a folder and over a bucket of S3.

Objects appear whole or not at all: a reader meets the old one or the new one, never half. Paths are
relative, of plain names with `/` between; what stands under a name that is not plain, or is hidden,
is no part of the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flows.archive.store_folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Store(Protocol):
    """Objects by path. Threads and processes may use one place at once.

    Every method raises StorageError where the place can't be reached, read or written, and
    ValueError for a path that is none.
    """

    address: str
    """The folder, or `s3://bucket/prefix`."""

    def create(self, path: str, data: bytes) -> bool:
        """Write `data` at `path` unless something stands there; return whether it was written."""

    def put(self, path: str, data: bytes) -> None:
        """Write `data` at `path`, in place of what stands there."""

    def get(self, path: str) -> bytes | None:
        """Return the bytes at `path`, or None where nothing stands."""

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the paths of all objects below the folder `prefix` ("": all), in any order."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below the folder `prefix`, sorted."""

    def delete(self, paths: Iterable[str]) -> None:
        """Remove the objects at `paths`; what is not there is no error."""

    def update(self, path: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Change what stands at `path` so that no other change is lost; return what then stands.

        `change` is given what stands (None: nothing) and returns what shall stand; None, or what it
        was given, leaves all as it is. It is called again where another change came first, so it
        must give the same when it is given the same, and must not update the store itself.
        """


def open_store(address: str) -> Store:
    """Open the store at `address`: a folder, made if need be, or `s3://bucket/prefix`.

    S3's region, endpoint and credentials are those that AWS's own tools use: the environment
    (AWS_…), a profile, or the machine's or container's role. Nothing is asked of S3 yet.

    Raises:
        StorageError: the folder can't be made or opened.
        SettingsError: the address is neither, or S3 has no region or credentials.
    """
    if "://" not in address:
        return FolderStore(Path(address))
    # Who keeps a folder never waits for S3's client to be imported.
    from flows.archive.store_s3 import S3Store  # noqa: PLC0415

    return S3Store(address)

"""Where bytes are kept: one small interface over a folder (obstore, the object_store crate).

Objects appear whole or not at all: obstore writes a temporary file and renames it, and `create`
links it only where nothing stands yet. A reader never meets half a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Store:
    """Objects by path; paths are relative, of plain slugs, with `/` between."""

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`, made if need be.

        Raises:
            StorageError: the folder can't be made or opened.
        """
        self.folder = folder
        try:
            self._store = LocalStore(folder, mkdir=True)
        except (BaseError, OSError) as error:
            raise _unavailable(str(folder), error) from error

    def create(self, path: str, data: bytes) -> bool:
        """Write `data` at `path` unless something stands there; return whether it was written.

        Raises:
            StorageError: the folder can't be written.
        """
        self._refuse_links(path)
        try:
            obstore.put(self._store, path, data, mode="create")
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise _unavailable(path, error) from error
        return True

    def put(self, path: str, data: bytes) -> None:
        """Write `data` at `path`, in place of what stands there.

        Raises:
            StorageError: the folder can't be written.
        """
        self._refuse_links(path)
        try:
            obstore.put(self._store, path, data)
        except (BaseError, OSError) as error:
            raise _unavailable(path, error) from error

    def get(self, path: str) -> bytes | None:
        """Return the bytes at `path`, or None where nothing stands.

        Raises:
            StorageError: the object can't be read.
        """
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _unavailable(path, error) from error

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the paths below the folder `prefix`, in no order.

        Raises:
            StorageError: the folder can't be read.
        """
        try:
            for batch in obstore.list(self._store, prefix or None):
                yield from (entry["path"] for entry in batch)
        except (BaseError, OSError) as error:
            raise _unavailable(prefix, error) from error

    def _refuse_links(self, path: str) -> None:
        """Raise StorageError where a link in the folder would take a write out of it."""
        target = (self.folder / path).parent.resolve()
        if ".." not in path.split("/") and not target.is_relative_to(self.folder.resolve()):
            raise StorageError(
                f"{path} leads out of the archive {self.folder} by a link",
                remedy="Remove the link from the archive's folder.",
                path=path,
            )


def _unavailable(path: str, error: Exception) -> StorageError:
    reason = str(error).splitlines()[0]
    return StorageError(
        f"the archive can't be used at {path}: {reason}",
        remedy="See to the folder's rights and free space, then publish the same message again.",
        path=path,
    )

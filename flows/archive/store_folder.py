"""The store in a folder.

An object is written under a hidden name and then linked or renamed into place, so a process killed
at any point leaves the old object or the new one. What it leaves under the hidden name is no part
of the store, and is swept away later.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import random
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from flows.archive.store_beneath import open_folder, opened, read, refuse_link, write_new
from flows.archive.store_paths import components, is_name, prefix_components
from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

_OWN: Final = ".store"
_NEW: Final = "new-"
_LOCK: Final = "lock-"
_LOCK_FILE: Final = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_ABANDONED_SECONDS: Final = 3600
_LONGEST_WAIT_SECONDS: Final = 60
_MOST_TRIES: Final = 100

_NOTHING_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_REMEDIES: Final = {
    errno.ELOOP: "Remove the link",
    errno.EACCES: "Give this user the right to read and write there",
    errno.EPERM: "Give this user the right to read and write there",
    errno.EROFS: "Make it writable",
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "Make room there",
    errno.EFBIG: "Make room there",
}


class FolderStore:
    """Objects as files below `folder`; see `Store`, whose methods these are."""

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`, made if need be.

        Raises:
            StorageError: the folder can't be made or opened.
        """
        self.folder = folder.absolute()
        self.address = str(self.folder)
        with self._reporting(""):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def create(self, path: str, data: bytes) -> bool:
        """Write `data` at `path` unless something stands there; return whether it was written."""
        *folders, name = components(path)
        with self._reporting(path):
            with suppress(FileNotFoundError), opened(self.folder, folders) as folder:
                refuse_link(folder, name)
                return False
            try:
                self._write(folders, name, data, os.link)
            except FileExistsError:
                return False
            return True

    def put(self, path: str, data: bytes) -> None:
        """Write `data` at `path`, in place of what stands there."""
        *folders, name = components(path)
        with self._reporting(path):
            self._write(folders, name, data, os.replace)

    def get(self, path: str) -> bytes | None:
        """Return the bytes at `path`, or None where nothing stands."""
        *folders, name = components(path)
        with self._reporting(path):
            try:
                with opened(self.folder, folders) as folder:
                    return read(folder, name)
            except OSError as error:
                if error.errno in _NOTHING_THERE:
                    return None
                raise

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the paths of all objects below the folder `prefix`, in any order."""
        folders = prefix_components(prefix)
        gone = suppress(FileNotFoundError, NotADirectoryError)
        with self._reporting(prefix), gone, opened(self.folder, folders) as folder:
            yield from self._walk(folder, "".join(f"{name}/" for name in folders))

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below the folder `prefix`, sorted."""
        folders = prefix_components(prefix)
        gone = suppress(FileNotFoundError, NotADirectoryError)
        with self._reporting(prefix), gone, opened(self.folder, folders) as folder:
            return sorted(self._entries(folder, prefix)[1])
        return []

    def delete(self, paths: Iterable[str]) -> None:
        """Remove the objects at `paths`, and the folders that are empty then."""
        for path in paths:
            *folders, name = components(path)
            gone = suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
            with self._reporting(path), gone:
                with opened(self.folder, folders) as folder:
                    os.unlink(name, dir_fd=folder)
                self._prune(folders)

    def update(self, path: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Change what stands at `path` so that no other change is lost; return what then stands."""
        with self._locked(path):
            before = self.get(path)
            after = change(before)
            if after is None or after == before:
                return before
            self.put(path, after)
            return after

    def _write(
        self, folders: Sequence[str], name: str, data: bytes, place: Callable[..., None]
    ) -> None:
        """Write `data` under a hidden name, then `place` it whole: link or replace."""
        new = f"{_NEW}{secrets.token_hex(8)}"
        with opened(self.folder, [_OWN], make=True) as own:
            try:
                write_new(own, new, data)
                for attempt in range(1, _MOST_TRIES + 1):
                    try:
                        with opened(self.folder, folders, make=True) as folder:
                            place(new, name, src_dir_fd=own, dst_dir_fd=folder)
                        break
                    except FileNotFoundError:
                        # Whoever deleted the folder's last object took the folder away meanwhile.
                        if attempt == _MOST_TRIES:
                            raise
                        time.sleep(random.uniform(0, attempt / 1000))  # noqa: S311 - no secret
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(new, dir_fd=own)

    def _walk(self, folder: int, prefix: str) -> Iterator[str]:
        files, folders = self._entries(folder, prefix)
        for name in files:
            yield prefix + name
        for name in folders:
            try:
                below = open_folder(folder, name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone since
            try:
                yield from self._walk(below, f"{prefix}{name}/")
            finally:
                os.close(below)

    def _entries(self, folder: int, prefix: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return the names of the objects and of the folders in a folder."""
        files, folders = [], []
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_name(entry.name):
                    continue
                if entry.is_symlink():
                    _log.warning("%s in %s/%s is a link: left out", entry.name, self.folder, prefix)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
        return files, folders

    def _prune(self, folders: Sequence[str]) -> None:
        """Remove those of `folders` that are empty: a bucket has no empty folders either."""
        with suppress(OSError):
            for depth in range(len(folders), 0, -1):
                with opened(self.folder, folders[: depth - 1]) as above:
                    os.rmdir(folders[depth - 1], dir_fd=above)

    @contextmanager
    def _locked(self, path: str) -> Iterator[None]:
        """Hold the lock of `path`, which it shares with some others so that locks stay few.

        It is the kernel's, and ends with its holder, however that one ends.
        """
        name = _LOCK + hashlib.sha256(path.encode()).hexdigest()[:2]
        with self._reporting(path), opened(self.folder, [_OWN], make=True) as own:
            descriptor = os.open(name, _LOCK_FILE, 0o666, dir_fd=own)
        try:
            with self._reporting(path):
                _lock(descriptor)
            yield
        finally:
            # Not by closing alone: a child forked meanwhile has the descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what writers left that were killed long ago."""
        with suppress(OSError), opened(self.folder, [_OWN]) as own:
            for name in os.listdir(own):  # noqa: PTH208 - a descriptor, not a path
                found = os.stat(name, dir_fd=own, follow_symlinks=False)
                if name.startswith(_NEW) and time.time() - found.st_mtime > _ABANDONED_SECONDS:
                    os.unlink(name, dir_fd=own)

    @contextmanager
    def _reporting(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "See to the folder")
            raise StorageError(
                f"{self.folder / path} can't be used: {error.strerror or error}",
                remedy=f"{remedy}, then do the same again.",
                path=path,
            ) from error


def _lock(descriptor: int) -> None:
    """Wait for the lock.

    Raises:
        TimeoutError: another process has held it all the time.
    """
    give_up = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        with suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.monotonic() > give_up:
            message = f"another process has kept it locked for {_LONGEST_WAIT_SECONDS} s"
            raise TimeoutError(errno.ETIMEDOUT, message)
        time.sleep(random.uniform(0.001, 0.01))  # noqa: S311 - spreads waiters, no secret

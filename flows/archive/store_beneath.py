"""Files and folders beneath a folder, and nothing outside it.

Every folder on the way is opened from the one above it and never through a link, so nothing that is
planted there, at whatever moment, takes a read or a write out of the folder. A link raises OSError
with ELOOP.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Opening a planted pipe must not wait for somebody to write into it.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(root: Path, folders: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Open the folder that `folders` lead to from `root`; yield its descriptor.

    `root` itself may be a link: that is for the operator to say. Folders that are not there are
    made where `make` says so.

    Raises:
        OSError: one of them is not there, is a link, or can't be opened.
    """
    descriptor = os.open(root, _FOLDER)
    try:
        for name in folders:
            below = open_folder(descriptor, name, make=make)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def open_folder(parent: int, name: str, *, make: bool = False) -> int:
    """Return a descriptor of the folder `name` in the folder `parent`; errors as `opened`."""
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except OSError:
        refuse_link(parent, name)
        raise


def read(parent: int, name: str) -> bytes | None:
    """Return what the file `name` in the folder `parent` holds; None where it is no file.

    Raises:
        OSError: there is none, it is a link, or can't be read.
    """
    try:
        descriptor = os.open(name, _FILE, dir_fd=parent)
    except OSError:
        refuse_link(parent, name)
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def write_new(parent: int, name: str, data: bytes) -> None:
    """Write `data` into a new file `name` in the folder `parent`.

    Raises:
        OSError: something of this name is there, or there is no room or no right.
    """
    with os.fdopen(os.open(name, _NEW_FILE, 0o666, dir_fd=parent), "wb") as file:
        file.write(data)


def refuse_link(parent: int, name: str) -> None:
    """Raise OSError where `name` in the folder `parent` is a link, or where nothing is."""
    if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        raise OSError(errno.ELOOP, f"{name} leads out of the folder by a link")

"""Where an issue stands in an archive, by whatever a person has in hand: its id, path or page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flows.archive.paths import RECORD, is_issue

if TYPE_CHECKING:
    from flows.archive.store import Store

_ID: Final = re.compile(r"[0-9a-f]{20}")
_PATH: Final = re.compile(r"issues(/[A-Za-z0-9_-]+){5}(/[0-9a-f]{20})?")


def is_id(name: str) -> bool:
    """Return whether `name` can be the id of an issue, or of a rendering."""
    return _ID.fullmatch(name) is not None


def path_of(name: str, store: Store) -> str | None:
    """Return the path of the issue `name` in `store`, None where there is none.

    Args:
        name: The issue's id, a correction's own id (its `render_id`), or anything that has the
            issue's path in it: its folder, the address of its page.
        store: The archive. An id is looked up by listing it: some seconds where it is large.

    Raises:
        StorageError: the archive can't be read.
    """
    if is_id(name):
        end = f"/{name}/{RECORD}"
        found = (path for path in store.list("issues") if path.endswith(end))
        return next((path.removesuffix(f"/{RECORD}") for path in found), None)
    written = _PATH.search(name)
    if written is None or not is_issue(written.group()):
        return None
    return written.group() if store.get(f"{written.group()}/{RECORD}") is not None else None

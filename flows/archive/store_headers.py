"""What a web server says of an object: its type, and how long a browser may keep it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".xml": "application/xml; charset=utf-8",
}
_FEED: Final = "feed.xml"
_FEED_TYPE: Final = "application/atom+xml; charset=utf-8"
_UNTYPED: Final = "application/octet-stream"

_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_FOR_A_MINUTE: Final = "public, max-age=60, must-revalidate"
_AT_ONCE: Final = "public, no-cache"
_PAGE: Final = "index.html"
# Named by a hash of what they hold.
_HASHED: Final = re.compile(r"search/.+\.(pf_fragment|pf_index|pf_filter|pf_meta)")
# What leads to those: an old one would lead to what is gone.
_LEADING: Final = re.compile(r"search/(months/.+|.+/pagefind-entry)\.json")


def content_type(path: str) -> str:
    """Return the media type of the object at `path`."""
    name = PurePosixPath(path)
    return _FEED_TYPE if name.name == _FEED else _TYPES.get(name.suffix, _UNTYPED)


def cache_control(path: str) -> str:
    """Return for how long the object at `path` may be kept without asking for it again.

    What an issue consists of is written once and kept for good, and so is what is named by its
    content. Pages change: they are asked for again after a minute, by their ETag.
    """
    written_once = path.startswith("issues/") and not path.endswith(f"/{_PAGE}")
    if written_once or _HASHED.fullmatch(path):
        return _FOR_GOOD
    return _AT_ONCE if _LEADING.fullmatch(path) else _FOR_A_MINUTE

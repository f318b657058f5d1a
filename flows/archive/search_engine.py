"""What the search page runs, the same for every archive: its own script, and Pagefind's."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Final

from flows.archive.pages.frame import TEMPLATES
from flows.archive.search_pagefind import ENTRY, LANGUAGE, Record, canonical, run

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT: Final = "search.js"
STAMP: Final = "engine.txt"
_FOLDER: Final = "pagefind"


@cache
def engine() -> Mapping[str, bytes]:
    """Return the files by their paths below the search page's folder; `STAMP` is of all others.

    Pagefind's program begins with an index of its own. Here that one is empty: bundles are added to
    it as they are needed.

    Raises:
        RenderError: Pagefind is not installed, or failed.
    """
    # Pagefind brings the stemmer of a language along with the first record in it.
    pagefind = run([Record("", "word", {}, {}, {})])
    files = {SCRIPT: (TEMPLATES / SCRIPT).read_bytes()}
    for name in ("pagefind.js", f"wasm.{LANGUAGE}.pagefind"):
        files[f"{_FOLDER}/{name}"] = pagefind[name]
    empty = canonical(run([]))
    for name in sorted(empty, key=lambda name: name == ENTRY):
        files[f"{_FOLDER}/{name}"] = empty[name]
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return {**files, STAMP: f"{digest.hexdigest()}\n".encode()}

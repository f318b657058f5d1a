"""Issues in the archive, written once, and the pages around them, which can be made anew."""

from __future__ import annotations

from flows.archive.archive import Archive
from flows.archive.store import Store, open_store

__all__ = ["Archive", "Store", "open_store"]

"""What feeds and sitemaps share."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def rfc3339(moment: datetime) -> str:
    """Return `moment` in UTC, like `2025-10-25T17:05:00Z` (RFC 3339, which is W3C's format too)."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

"""How a send tells the command that started it how far it has come."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

on_progress: ContextVar[Callable[[str, int, int], None] | None] = ContextVar(
    "on_progress", default=None
)
"""Whom to tell: a send's name, how many of its mails are settled, and of how many."""

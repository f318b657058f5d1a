"""Jinja2, set up once: everything escaped, everything inert, nothing undefined."""

from __future__ import annotations

import base64
import hashlib
from math import ceil
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.issue import inert
from flows.issue.identity import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WIDEST_ROW = 4


def environment(*folders: Path) -> Environment:
    """Return an environment over `folders` and the issues' own templates, which come last."""
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters["tiles_in_row"] = _tiles_in_row
    return made


def stylesheet(*files: Path) -> Markup:
    """Return the files' rules for a `<style>` element; ours, so they need no escape."""
    return Markup("".join(file.read_text("utf-8") for file in files))  # noqa: S704 - as said


def csp_hash(text: str) -> str:
    """Return the Content Security Policy source of an inline element that holds `text` (CSP 3)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _tiles_in_row(tiles: Sequence[object]) -> int:
    """Return how many of the tiles stand side by side, so that rows are even: of five, three."""
    rows = ceil(len(tiles) / _WIDEST_ROW)
    return ceil(len(tiles) / rows)


def _inert(value: object) -> object:
    if isinstance(value, Markup):
        return Markup(inert.block(value))  # noqa: S704 - it was markup and only loses controls
    return inert.block(value) if isinstance(value, str) else value


ENVIRONMENT = environment()

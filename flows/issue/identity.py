"""Which issue is this, and which rendering of it: hashes, and slugs that are safe in a path."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.document import MarketDocument

TEMPLATES = Path(__file__).parent / "templates"
LOCK_FILE = Path(__file__).resolve().parents[2] / "requirements.lock"

_ID_BYTES = 10
_LONGEST_SLUG = 64
_PLAIN = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{_LONGEST_SLUG - 1}}}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_RECORDED_PACKAGES = (
    "gridletter",
    "entsoe-py",
    "matplotlib",
    "numpy",
    "pandas",
    "papermill",
)


def slug(text: str) -> str:
    """Return `text` as one path component: ASCII letters, digits, `_` and `-`, at most 64.

    A text that is such a component already stays as it is. Any other loses what is unsafe and gains
    a hash of the whole, so that two texts share no folder.
    """
    if _PLAIN.fullmatch(text):
        return text
    digest = _hash("slug", text)
    kept = _UNSAFE.sub("-", text).strip("-_")[: _LONGEST_SLUG - len(digest) - 1]
    return f"{kept}-{digest}" if kept else digest


def issue_id(newsletter_name: str, document: MarketDocument) -> str:
    """Return the id of the issue that `newsletter_name` makes of `document`: 20 hex digits.

    It follows from the newsletter, the document's key and its revision alone: what has the same id
    is sent once.
    """
    return _hash("issue", newsletter_name, document.key, str(document.revision))


def render_id(issue: str, source_hash: str) -> str:
    """Return the id of a rendering of the issue with id `issue`: 20 hex digits.

    Args:
        issue: The issue's id.
        source_hash: The notebook's, as `Newsletter.source_hash`.
    """
    return _hash("render", issue, source_hash, templates_hash(), lock_hash() or "")


@cache
def templates_hash() -> str:
    """Return the hash of all templates' names and bytes."""
    files = sorted(path for path in TEMPLATES.iterdir() if path.suffix in {".css", ".html"})
    return _hash("templates", *(f"{path.name}\n{path.read_text('utf-8')}" for path in files))


@cache
def lock_hash() -> str | None:
    """Return the SHA-256 of requirements.lock, or None where the package runs without one."""
    try:
        return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    except OSError:
        return None


@cache
def versions() -> dict[str, str]:
    """Return what the figures depend on: Python's, the packages' and the lock file's version."""
    found = {"python": platform.python_version()}
    found |= {package: version(package) for package in _RECORDED_PACKAGES}
    lock = lock_hash()
    return found if lock is None else {**found, "requirements.lock": f"sha256:{lock}"}


def _hash(*parts: str) -> str:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") differ.
    data = json.dumps(parts).encode()
    return hashlib.blake2b(data, digest_size=_ID_BYTES).hexdigest()

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

# The page around an article may look otherwise tomorrow: no issue is another one for it.
_OF_THE_FRAME = frozenset({"base.css", "page.css"})
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


def correction_id(issue: str, render: str) -> str:
    """Return the id by which a correction is delivered: 20 hex digits, no issue's own id.

    Args:
        issue: The id of the issue that is corrected.
        render: The correction's `render_id`.
    """
    return _hash("correction", issue, render)


@cache
def templates_hash() -> str:
    """Return the hash of names and bytes of all templates that an issue's files are made with."""
    files = sorted(
        path
        for path in TEMPLATES.iterdir()
        if path.suffix in {".css", ".html"} and path.name not in _OF_THE_FRAME
    )
    return _hash("templates", *(f"{path.name}\n{path.read_text('utf-8')}" for path in files))


@cache
def lock_hash() -> str | None:
    """Return the SHA-256 of requirements.lock, or None where the package runs without one."""
    try:
        return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    except OSError:
        return None


@cache
def _package_versions() -> dict[str, str]:
    return {package: version(package) for package in _RECORDED_PACKAGES}


def versions(source_hash: str) -> dict[str, str]:
    """Return what the figures depend on.

    That is the version of Python and of packages, and the hashes of lock file (where there is one),
    templates and the notebook's source, which is `source_hash`.
    """
    found = {
        "python": platform.python_version(),
        **_package_versions(),
        "notebook": f"sha256:{source_hash}",
        "templates": templates_hash(),
    }
    lock = lock_hash()
    return found if lock is None else {**found, "requirements.lock": f"sha256:{lock}"}


def _hash(*parts: str) -> str:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") differ.
    data = json.dumps(parts).encode()
    return hashlib.blake2b(data, digest_size=_ID_BYTES).hexdigest()

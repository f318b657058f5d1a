"""What an object's path may be, in a folder and in a bucket alike."""

from __future__ import annotations

import re

# No hidden names, which a folder keeps for itself; nothing that a URL or a shell would change.
_NAME = re.compile(r"[A-Za-z0-9_~@=+-][A-Za-z0-9_~.@=+-]*", re.ASCII)


def is_name(name: str) -> bool:
    """Say whether `name` can be one component of a path."""
    return _NAME.fullmatch(name) is not None


def components(path: str) -> list[str]:
    """Return the components of an object's path.

    Raises:
        ValueError: it is empty, absolute, climbs, or has a component that is hidden or not plain.
    """
    names = path.split("/")
    if not all(map(is_name, names)):
        message = f"not a path of the archive: {path!r}"
        raise ValueError(message)
    return names


def prefix_components(prefix: str) -> list[str]:
    """Return the components of a folder's path; none for the store itself, which is "".

    Raises:
        ValueError: as `components`.
    """
    return components(prefix.removesuffix("/")) if prefix else []

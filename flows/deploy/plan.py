"""Compares what stands with what is wanted, and writes down what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from flows.deploy.wanted import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import JsonValue

    from flows.deploy.wanted import Kind

_Written = TypeVar("_Written")


@dataclass
class Plan:
    """What is done, or would be: nothing is written in a dry run."""

    dry_run: bool
    changes: list[Change] = field(default_factory=list)

    def settle(
        self,
        kind: Kind,
        name: str,
        differences: list[str] | None,
        write: Callable[[], _Written],
        note: str | None = None,
    ) -> _Written | None:
        """Write unless nothing differs, or this is a dry run; return what was written, if anything.

        Args:
            kind: What kind of thing it is.
            name: Its name.
            differences: In what it differs from what is wanted; None where nothing stands.
            write: Creates or updates it.
            note: What to say of it besides.
        """
        if differences is None:
            change = Change(kind, name, "created", note=note)
        elif differences:
            change = Change(kind, name, "updated", tuple(differences), note)
        else:
            change = Change(kind, name, "unchanged", note=note)
        self.changes.append(change)
        if self.dry_run or change.action == "unchanged":
            return None
        return write()

    def remove(self, kind: Kind, name: str, delete: Callable[[], None]) -> None:
        """Delete what stands and is not wanted any more, unless this is a dry run."""
        self.changes.append(Change(kind, name, "removed"))
        if not self.dry_run:
            delete()

    def remark(self, note: str) -> None:
        """Say something of the last thing that was settled."""
        self.changes[-1] = replace(self.changes[-1], note=note)


def differences(standing: JsonValue, wanted: JsonValue, path: str = "") -> list[str]:
    """Return the paths at which the two differ, with dots between keys."""
    return list(_differing(standing, wanted, path))


def _differing(standing: JsonValue, wanted: JsonValue, path: str) -> Iterator[str]:
    if isinstance(standing, Mapping) and isinstance(wanted, Mapping):
        for key in sorted(standing.keys() | wanted.keys()):
            below = f"{path}.{key}" if path else key
            if key not in standing or key not in wanted:
                yield below
            else:
                yield from _differing(standing[key], wanted[key], below)
    elif standing != wanted:
        yield path

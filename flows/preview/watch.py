"""Runs a notebook, again whenever it or its document is saved, and keeps what came of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from flows.errors import GridletterError
from flows.notebook import newsletter as newsletters
from flows.preview import draft
from flows.preview.draft import Draft, Skipped
from flows.preview.frames import Fault
from flows.sources import read_message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.settings import Settings

LOOK_SECONDS: Final = 0.3

_Stamps = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class Seen:
    """What came of the last run, None before the first; `version` counts what there was to show."""

    version: int
    made: Draft | Skipped | Fault | None
    is_running: bool


class Watch:
    """The notebook at `path` on a document: the one in the file `source`, or its header's sample.

    `tell` is told of each run in one line.
    """

    def __init__(
        self, path: Path, source: Path | None, options: Settings, tell: Callable[[str], None]
    ) -> None:
        self._path = path
        self._source = source
        self._options = options
        self._tell = tell
        self._ended = threading.Event()
        self.seen = Seen(0, None, is_running=True)

    def run(self) -> None:
        """Run the notebook once."""
        self.seen = replace(self.seen, version=self.seen.version + 1, is_running=True)
        began = time.monotonic()
        made = self._make()
        self.seen = Seen(self.seen.version + 1, made, is_running=False)
        self._tell(f"{_in_a_line(made)} ({time.monotonic() - began:.1f} s)")

    def keep_running(self) -> None:
        """Run the notebook, and again after each save, until `end`."""
        stamps = self._stamps()
        self.run()
        while not self._ended.wait(LOOK_SECONDS):
            now = self._stamps()
            # A file that is gone is about to be written anew.
            if now != stamps and None not in now:
                stamps = now
                self.run()

    def end(self) -> None:
        """Have `keep_running` return after the run that is under way."""
        self._ended.set()

    def _make(self) -> Draft | Skipped | Fault:
        try:
            newsletter = newsletters.load(self._path)
            message = read_message(str(self._source or newsletter.sample))
            return draft.make(newsletter, draft.choose(newsletter, message), self._options)
        except GridletterError as error:
            return Fault.of(error)

    def _stamps(self) -> _Stamps:
        return tuple(_stamp(path) for path in (self._path, self._source) if path is not None)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _in_a_line(made: Draft | Skipped | Fault) -> str:
    match made:
        case Draft():
            return made.issue.subject
        case Skipped():
            return f"no issue: {made.reason}"
        case Fault():
            return f"failed: {made.what}. {made.remedy}"

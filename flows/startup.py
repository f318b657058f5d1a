"""How a process begins and ends that lives for one event: most of its time it imports."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# Imports make objects that stay. With Python's own thresholds the collector walks all of them
# again and again, which takes a seventh of the time.
_THRESHOLDS: Final = (100_000, 50, 100)
# jsonschema, which Prefect and nbformat import, compiles a grammar of IRIs if it finds this one, as
# it does beside JupyterLab. That takes longer than all of Prefect, and no schema here has an IRI.
_IRI_GRAMMAR: Final = "rfc3987_syntax"
# Python's own exit code where what was printed can't be written.
_CANT_FLUSH: Final = 120


def hasten() -> None:
    """Import faster from here on; for the processes of a command, not for who imports us."""
    gc.set_threshold(*_THRESHOLDS)
    leave_out(_IRI_GRAMMAR)


def leave_out(name: str) -> None:
    """Have imports of the module fail as if it were not installed; not once it is imported."""
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def put_off(name: str) -> None:
    """Have the package be loaded when something of it is first used, not when it is imported."""
    if not any(isinstance(finder, _Later) and finder.name == name for finder in sys.meta_path):
        sys.meta_path.insert(0, _Later(name))


class _Later(MetaPathFinder):
    """Finds one package, whose import is put off."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return its spec, with Python's own lazy loader; None for any other."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname == self.name else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def end_at_once(run: Callable[[], None]) -> None:
    """Run; have the process end without taking down what it has imported, which takes 0.4 s.

    Its exit code is what it would be, threads are waited for, and what others have registered for
    the end is done. Call it once, first of all.
    """
    ending = _Ending()
    atexit.register(ending)  # what is registered first is called last
    try:
        run()
    except SystemExit as end:
        ending.code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    else:
        ending.code = 0


class _Ending:
    """The last that is called: it ends the process."""

    code: int = 1
    """As where an error nobody expected ended it."""

    def __call__(self) -> None:
        logging.shutdown()  # registered when it was imported, and so before this
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None and not stream.closed:
                    stream.flush()
            except OSError:
                self.code = _CANT_FLUSH
        os._exit(self.code)

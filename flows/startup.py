"""How a process begins that lives for one event: most of its time it imports."""

from __future__ import annotations

import gc
import sys
from typing import Final

# Imports make objects that stay. With Python's own thresholds the collector walks all of them
# again and again, which takes a seventh of the time.
_THRESHOLDS: Final = (100_000, 50, 100)
# jsonschema, which Prefect and nbformat import, compiles a grammar of IRIs if it finds this one, as
# it does beside JupyterLab. That takes longer than all of Prefect, and no schema here has an IRI.
_IRI_GRAMMAR: Final = "rfc3987_syntax"


def hasten() -> None:
    """Import faster from here on; for the processes of a command, not for who imports us."""
    gc.set_threshold(*_THRESHOLDS)
    sys.modules.setdefault(_IRI_GRAMMAR, None)  # type: ignore[arg-type]  # as if not installed

"""What a notebook's process is given of this process's environment: no settings, no secrets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK_FILE: Final = "GRIDLETTER_NOTEBOOK_FILE"
"""Environment variable that tells `desk` where the notebook lies whose cells are running."""

# Nothing else is passed: settings and secrets of Prefect, of the cloud and of Gridletter itself
# live in the environment, too.
_PASSED = frozenset(
    {
        *("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"),
        *("HOME", "USER", "LANG", "LANGUAGE", "TZ", "TZDIR"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE"),
        *("MPLCONFIGDIR", "XDG_CACHE_HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH"),
    }
)
_SET = {
    "PYTHONHASHSEED": "0",  # sets are shown in the same order in each run
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # One thread each: the sums of a run do not depend on the machine's number of cores.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc reserves 64 MB for each thread otherwise, and address space is what is bounded.
    "MALLOC_ARENA_MAX": "2",
    # Images come and go by the megabyte: what is free is used again, not asked for anew.
    "MALLOC_MMAP_THRESHOLD_": "134217728",
    "MALLOC_TRIM_THRESHOLD_": "134217728",
}


def shared() -> dict[str, str]:
    """Return what all notebooks of this process are given."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith("LC_")
    }
    return passed | _SET


def own(notebook: Path, folder: Path) -> dict[str, str]:
    """Return what the run of `notebook` in `folder` is given beside that."""
    return {
        "TMPDIR": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        NOTEBOOK_FILE: str(notebook),
    }

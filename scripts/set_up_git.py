"""Set this clone's git up for notebooks; `make lab` runs it, and running it again changes nothing.

Outputs stay out of git (nbstripout, as a filter), changes are shown and merged by cell (nbdime),
and hooks look at a commit before it is made (pre-commit). Which files that is for, .gitattributes
and .pre-commit-config.yaml say. Outside a clone there is nothing to set up.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# By relative paths: git runs these from the clone's root.
CONFIGURATION = {
    "filter.nbstripout.clean": ".venv/bin/python -m nbstripout",
    "filter.nbstripout.smudge": "cat",
    "filter.nbstripout.required": "true",
    "diff.jupyternotebook.command": ".venv/bin/git-nbdiffdriver diff",
    "merge.jupyternotebook.name": "nbdime",
    "merge.jupyternotebook.driver": ".venv/bin/git-nbmergedriver merge %O %A %B %L %P",
}


def main() -> None:
    """Write the clone's own configuration and its hook."""
    if not (ROOT / ".git").exists():
        return
    for name, value in CONFIGURATION.items():
        subprocess.run(["git", "config", name, value], cwd=ROOT, check=True)  # noqa: S603, S607 - git
    pre_commit = str(Path(sys.executable).with_name("pre-commit"))
    subprocess.run(  # noqa: S603 - our own tool
        [pre_commit, "install"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    main()

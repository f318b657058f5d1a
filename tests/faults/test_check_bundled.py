"""The bundled newsletters pass the check, all edge cases of it, through the command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GRIDLETTER = Path(sys.executable).with_name("gridletter")


def test_the_bundled_notebooks_pass(figures):
    """All five pass, each on its sample and on six edge cases at least, without a network."""
    done = subprocess.run(
        [GRIDLETTER, "check"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=230
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.fullmatch(r"nothing to mend in 5 notebooks \((\d+) runs, .+\)", done.stdout.strip())
    assert said, done.stdout
    assert int(said[1]) >= 5 * 7
    figures["runs in a check of all newsletters"] = int(said[1])

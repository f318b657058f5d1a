"""Stand-ins for the programs that the workflows' scripts call: they say what they were told to.

Each call is one line of JSON in a log: the program, its arguments, what it read from stdin, and the
variables of the environment that Gridletter's settings could be.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPTS = Path(__file__).resolve().parent.parent / ".github" / "scripts"
_PROGRAMS = ("aws", "docker", "pulumi")
_STAND_IN = """\
#!{python}
import json, os, sys
folder = {folder!r}
program = os.path.basename(sys.argv[0])
line = " ".join([program, *sys.argv[1:]])
answers = json.load(open(folder + "/answers.json"))
told = next(((out, code) for start, out, code in answers if start in line), ("", 0))
reads = program == "docker" or "--secret" in sys.argv
call = {{"line": line, "stdin": sys.stdin.read() if reads and not sys.stdin.isatty() else "",
        "settings": sorted(name for name in os.environ if name.startswith("GRIDLETTER_"))}}
with open(folder + "/calls", "a") as log:
    log.write(json.dumps(call) + "\\n")
print(told[0], end="")
sys.exit(told[1])
"""


@dataclass
class StandIns:
    """Stand-ins in a folder of their own; `answer` says what a call prints, the latest wins."""

    folder: Path
    answers: list[tuple[str, str, int]] = field(default_factory=list)

    def answer(self, call: str, prints: str = "", code: int = 0) -> None:
        """Let calls that contain `call` print that and end with the code."""
        self.answers.insert(0, (call, prints, code))

    def run(
        self, script: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of `.github/scripts` in an environment that has nothing else."""
        return self.bash(str(SCRIPTS / script), *arguments, **environment)

    def bash(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run bash with the stand-ins first on its path."""
        (self.folder / "answers.json").write_text(json.dumps(self.answers), "utf-8")
        variables: Mapping[str, str] = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "STACK": "dev",
            "REGION": "eu-central-1",
            "ACCOUNT": "123456789012",
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            **environment,
        }
        return subprocess.run(
            ["bash", *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What was called, in order."""
        log = self.folder / "calls"
        return [json.loads(line) for line in log.read_text("utf-8").splitlines()]

    @property
    def lines(self) -> list[str]:
        """The command lines of the calls, in order."""
        return [call["line"] for call in self.calls]

    @property
    def summary(self) -> str:
        """What the run's summary says."""
        return (self.folder / "summary").read_text("utf-8")


def stand_ins(folder: Path) -> StandIns:
    """Make the stand-ins; without jq, which the scripts use, the test is skipped or fails in CI."""
    if shutil.which("jq") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("jq is not installed")
    for program in _PROGRAMS:
        path = folder / program
        path.write_text(_STAND_IN.format(python=sys.executable, folder=str(folder)), "utf-8")
        path.chmod(0o755)
    return StandIns(folder)

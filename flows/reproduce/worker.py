"""The process without a network in this process's hands."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import nbformat

from flows.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from nbformat import NotebookNode
    from pydantic import JsonValue

    from flows.notebook.run import Limits

_TAIL_BYTES = 2_000


class Worker:
    """Runs notebooks without a network, one after another, in a process of its own.

    Use it in a `with` block; the process is started for the first notebook. `offline` then says how
    the network is kept away; see `offline`.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[str] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self.offline = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._errors.close()

    def run(self, path: Path, parameters: Mapping[str, JsonValue]) -> NotebookNode:
        """Run the newsletter's notebook at `path` with `parameters`, and return it as it ran.

        Raises:
            NotebookError: it did not run to its end, or skipped its issue.
            NewsletterError: it is no newsletter, which the message says.
        """
        limits = {
            "deadline_seconds": self._limits.deadline_seconds,
            "memory_mb": self._limits.memory_mb,
            "output_mb": self._limits.output_mb,
        }
        job = {"path": str(path), "parameters": dict(parameters), "limits": limits}
        process = self._started()
        try:
            print(json.dumps(job), file=process.stdin, flush=True)
        except BrokenPipeError as error:
            raise self._failed("it has ended") from error
        answer = self._read(process)
        if "failed" in answer:
            raise NotebookError(
                answer["failed"],
                remedy="Compare the versions in issue.json with those of this environment.",
                newsletter=path.stem,
                cell=None,
                ename="",
                evalue="",
                executed=None,
            )
        notebook: NotebookNode = nbformat.reads(  # type: ignore[no-untyped-call]
            answer["notebook"], as_version=4
        )
        return notebook

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.reproduce.offline"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                encoding="utf-8",
            )
            self.offline = str(self._read(self._process))
        return self._process

    def _read(self, process: subprocess.Popen[str]) -> Any:  # noqa: ANN401 - as `offline` makes it
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            process.wait()
            raise self._failed(f"it ended with status {process.returncode}")
        return json.loads(line)

    def _failed(self, how: str) -> NotebookError:
        size = self._errors.seek(0, 2)
        self._errors.seek(max(0, size - _TAIL_BYTES))
        words = self._errors.read().decode(errors="replace")
        return NotebookError(
            f"the process without a network failed: {how}: {words[-300:]}",
            remedy="Run it again; `gridletter doctor` checks the environment.",
            newsletter="",
            cell=None,
            ename="",
            evalue="",
            executed=None,
        )

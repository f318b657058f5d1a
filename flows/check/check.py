"""Notebooks in, findings out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flows.check import contract, stored, written
from flows.check.finding import Finding
from flows.errors import NewsletterError, NotebookError
from flows.notebook import newsletter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from flows.notebook.limits import Limits

_TAIL_BYTES = 300


@dataclass(frozen=True)
class Checked:
    """What came of checking: findings by notebook and cell, and how many runs it took.

    `offline` says how the network was kept away; see `flows.reproduce.offline`.
    """

    findings: tuple[Finding, ...]
    notebooks: int
    runs: int
    offline: str


def check(
    paths: Sequence[Path],
    limits: Limits,
    report: Callable[[str, int, int], None] = lambda *_: None,
) -> Checked:
    """Return what is wrong with the notebooks at `paths`.

    What is written is looked at first. What passes there runs on its sample, and what passes that
    on edge cases made from the sample, in a process without a network.

    Args:
        paths: Notebooks.
        limits: What one run may take.
        report: Told after each run: what, how many are done, of how many.

    Raises:
        NotebookError: the process in which notebooks run has failed itself.
    """
    findings: list[Finding] = []
    runnable: list[str] = []
    for path in paths:
        try:
            letter = newsletter.load(path)
        except NewsletterError as error:
            findings.append(_unloaded(path, error))
            continue
        cells = contract.cells(letter)
        problems = [*contract.look(letter, cells), *written.look(letter, cells)]
        findings += [*problems, *stored.look(letter.path, cells)]
        if not problems:
            runnable.append(str(letter.path))
    offline, done, runs = "", 0, 0
    for line in _lines(runnable, limits) if runnable else ():
        offline, runs = line.get("offline", offline), line.get("runs", runs)
        findings += [Finding(**found) for found in line.get("findings", ())]
        if "case" in line:
            done += 1
            report(f"{line['notebook']}: {line['case']}", done, runs)
    return Checked(_settled(findings), len(paths), done, offline)


def _unloaded(path: Path, error: NewsletterError) -> Finding:
    cell = error.data.get("cell")
    what = error.what.removeprefix(path.name).partition(": ")[2] or error.what
    return Finding(
        path.name, cell if isinstance(cell, int) else None, "contract", what, error.remedy
    )


def _settled(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return the findings in order; what shows in several cases once, with the first of them."""
    first: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        first.setdefault((finding.notebook, finding.cell, finding.code, finding.what), finding)
    return tuple(
        sorted(first.values(), key=lambda f: (f.notebook, -1 if f.cell is None else f.cell, f.code))
    )


def _lines(paths: list[str], limits: Limits) -> Iterator[dict[str, Any]]:
    """Yield what the process without a network says, line by line; see `worker`."""
    request = {"paths": paths, "limits": asdict(limits)}
    command = [sys.executable, "-P", "-m", "flows.check.worker"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603 - this Python
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        ) as process,
    ):
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe, see above
            assert process.stdout is not None  # noqa: S101 - the same
            print(json.dumps(request), file=process.stdin, flush=True)
            yield from map(json.loads, process.stdout)
            if process.wait() != 0:
                errors.seek(max(0, errors.seek(0, 2) - _TAIL_BYTES))
                words = errors.read().decode(errors="replace")
                raise NotebookError(
                    f"the process that runs notebooks has failed: {words}",
                    remedy="`gridletter doctor` says what this environment lacks.",
                    newsletter="",
                    cell=None,
                    ename="",
                    evalue="",
                    executed=None,
                )
        finally:
            process.kill()

"""A year of documents is backfilled though the backfill is killed: complete, and without a mail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from year_of_documents import ZONES, write_year

from flows.archive import Archive, open_store
from flows.notebook import zygote

COMMAND = [str(Path(sys.executable).with_name("gridletter"))]
# Fewer days show the same in less time.
DAYS = int(os.environ.get("BACKFILL_DAYS", "365"))
KILLED_AT = (0.3, 0.65)
MB = 1_000_000
# Prefect with its embedded API is 300 MB of it, the zygote 130.
MOST_MEMORY_MB = 700
MOST_GROWTH_MB = 100


class Backfill:
    """One run of the command, watched from outside."""

    def __init__(self, home: Path, folder: Path, jobs: int = 2) -> None:
        self._issues = home / "archive" / "issues"
        self._found = self.published()
        self._process = psutil.Popen(
            [*COMMAND, "backfill", str(folder), "--jobs", str(jobs)],
            env=os.environ | {"GRIDLETTER_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.memory_mb: list[float] = []
        """Of the command's own process, now and then from its first issue on."""

    def published(self) -> int:
        """Count the issues in the archive."""
        return sum(1 for _ in self._issues.rglob("issue.json"))

    def kill_at(self, count: int) -> None:
        """Kill the command once there are so many issues; what is below it ends by itself."""
        while self.published() < count:
            assert self._process.poll() is None
            self._look()
        below = self._process.children(recursive=True)
        assert any(zygote.__name__ in process.cmdline() for process in below)
        self._process.kill()
        self._process.wait()
        _, alive = psutil.wait_procs(below, timeout=30)
        assert alive == []

    def finish(self) -> str:
        """Wait for the command, which must succeed; return the last line that it printed."""
        while self._process.poll() is None:
            self._look()
        assert self._process.returncode == 0
        return self._process.stdout.read().splitlines()[-1]

    def _look(self) -> None:
        time.sleep(0.5)
        alive = self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        if alive and self.published() > self._found:
            self.memory_mb.append(self._process.memory_info().rss / MB)


def issues(home: Path) -> list[dict]:
    """Return the records in the archive, by zone and day."""
    records = (home / "archive" / "issues").rglob("issue.json")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in records]
    return sorted(found, key=lambda issue: (issue["zone"]["code"], issue["start"]))


def derived(home: Path) -> dict[Path, bytes]:
    """Return all that can be made anew: pages, feeds and indexes."""
    archive = home / "archive"
    return {
        path.relative_to(archive): path.read_bytes()
        for path in archive.rglob("*")
        if path.is_file() and (path.name == "index.html" or "issues" not in path.parts)
    }


@pytest.mark.timeout(1_500)
def test_a_year_survives_kills(tmp_path, home, figures):
    """Killed twice and started again, it leaves every issue once, its pages whole, and no mail."""
    total = write_year(tmp_path / "documents", DAYS)
    started = time.monotonic()
    for part in KILLED_AT:
        Backfill(home, tmp_path / "documents").kill_at(round(part * total))
    last = Backfill(home, tmp_path / "documents")
    summary = last.finish()
    seconds = time.monotonic() - started

    found = issues(home)
    assert len(found) == len({issue["issue_id"] for issue in found}) == total
    kept = int(summary.partition(" published, ")[2].split()[0])
    assert summary == (
        f"{total - kept} published, {kept} in the archive already, 0 skipped, 0 ignored, 0 failed"
    )
    for code in ZONES:
        series = [issue for issue in found if issue["zone"]["code"] == code]
        assert len(series) == DAYS
        assert all(after["previous"] == before["issue_id"] for before, after in pairwise(series))
    assert not (home / "outbox").exists()
    assert not (home / "ledger.db").exists()

    pages = derived(home)
    archive = Archive(open_store(str(home / "archive")), f"{(home / 'archive').as_uri()}/")
    assert archive.rebuild(lambda *_: None).damaged == []
    assert derived(home) == pages

    first, most = last.memory_mb[0], max(last.memory_mb)
    assert most < MOST_MEMORY_MB
    assert most - first < MOST_GROWTH_MB
    figures.update(
        {
            "issues": total,
            "kills": len(KILLED_AT),
            "issues a minute, restarts included": round(60 * total / seconds),
            "MB at most": round(most),
        }
    )

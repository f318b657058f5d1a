"""`gridletter site build`: everything derived made anew, and what is damaged named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import archive_examples as examples
from flows.archive import Archive, open_store
from flows.cli import app

RUNNER = CliRunner()


@pytest.fixture
def archive(home):
    """The archive of the command's own home, with two issues."""
    archive = Archive(open_store(str(home / "archive")), examples.URL)
    for day in range(2):
        examples.put(archive, examples.issue("load", "FI", day))
    return archive


def test_it_builds_what_is_lost(archive):
    """From records alone: front page, feeds, indexes and pages; exit code 0 and what was done."""
    ended = RUNNER.invoke(app, ["site", "build"])
    assert ended.exit_code == 0
    assert "2 issues, 0 damaged files, 0 files removed" in ended.stdout
    assert {"index.html", "feed.xml", "months/2025-11/index.html"} <= set(archive.store.list(""))
    issue = examples.issue("load", "FI", 1)[0]
    assert archive.store.get(f"{issue.path}/index.html") is not None


def test_what_is_damaged_is_named(archive):
    """One line on stderr for each damaged file, exit code 1, and the others are built."""
    broken, whole = (examples.issue("load", "FI", day)[0] for day in range(2))
    archive.store.put(f"{broken.path}/issue.json", b'{"issue_id": "\x1b[31m')
    ended = RUNNER.invoke(app, ["site", "build"])
    assert ended.exit_code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"gridletter: {broken.path}/issue.json is damaged")
    assert "\x1b" not in ended.stderr
    assert archive.store.get(f"{whole.path}/index.html") is not None


def test_machines_read_it_too(archive):
    """`--json` prints one object: how many issues, what is damaged and why, how many removed."""
    issue = examples.issue("load", "FI", 0)[0]
    archive.store.delete([f"{issue.path}/chart-1.png"])
    archive.store.put("zones/XX/index.html", b"?")
    ended = RUNNER.invoke(app, ["site", "build", "--json"])
    assert ended.exit_code == 1
    said = json.loads(ended.stdout)
    assert (said["issues"], said["removed"]) == (2, 1)
    (damaged,) = said["damaged"]
    assert damaged["path"] == f"{issue.path}/chart-1.png"
    assert "is gone from the archive" in damaged["reason"]


def test_an_archive_that_cannot_be_written_is_one_line(home):
    """A file stands where the archive's folder should: exit code 1, and what to do."""
    home.mkdir()
    (home / "archive").write_bytes(b"")
    command = [str(Path(sys.executable).with_name("gridletter")), "site", "build"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "Traceback" not in ended.stderr

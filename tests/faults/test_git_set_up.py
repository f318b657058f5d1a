"""`make lab` sets git up so that notebooks in it stay clean and changes to them can be read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.check import stored
from mutants import OUTPUT, Mutant

ROOT = Path(__file__).parents[2]


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def clone(tmp_path):
    """A clone with this project's attributes, hooks and tools, set up as `make lab` does it."""
    git(tmp_path, "init")
    git(tmp_path, "config", "user.email", "ada@mail.example")
    git(tmp_path, "config", "user.name", "Ada")
    for name in (".gitattributes", ".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".gitignore").write_text(".venv\n")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "set_up_git.py", tmp_path / "scripts")
    # The console scripts of this environment, wherever it is.
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for _ in range(2):  # running it again changes nothing
        subprocess.run(
            [tmp_path / ".venv" / "bin" / "python", "scripts/set_up_git.py"],
            cwd=tmp_path,
            check=True,
        )
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def test_the_working_copy_keeps_what_it_showed_and_git_takes_none_in(clone):
    """A notebook saved as it ran stays so for its analyst; git has it clean, and that passes."""
    path = Mutant("outputs", 5, "", cells={5: OUTPUT}).write(clone / "notebooks", "letter")
    cells = json.loads(path.read_text())["cells"]
    git(clone, "add", ".")
    kept = json.loads(git(clone, "show", ":notebooks/letter.ipynb"))["cells"]
    assert [cell.get("outputs") for cell in kept] == [None, [], [], [], [], []]
    assert ["".join(cell["source"]) for cell in kept] == [cell["source"] for cell in cells]
    assert json.loads(path.read_text())["cells"] == cells
    assert list(stored.look(path, cells)) == []


def test_a_difference_is_shown_by_cell(clone):
    """`git diff` tells of a changed cell in nbdime's words, not of lines of JSON."""
    path = Mutant("run", 5, "").write(clone / "notebooks", "letter")
    git(clone, "add", ".")
    Mutant("run", 5, "", last="1 + 1").write(clone / "notebooks", "letter")
    said = git(clone, "diff", str(path))
    assert "## modified /cells/5/source:" in said
    assert "+  1 + 1" in said


def test_the_hooks_clean_a_notebook_before_it_is_committed(clone):
    """Without the filter a commit with outputs is stopped, and what it would hold is mended."""
    git(clone, "config", "--unset", "filter.nbstripout.clean")
    git(clone, "config", "--unset", "filter.nbstripout.required")
    path = Mutant("outputs", 5, "", cells={5: OUTPUT}).write(clone / "notebooks", "letter")
    git(clone, "add", ".")
    done = subprocess.run(
        ["git", "commit", "--message", "Add a letter"],
        cwd=clone,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "notebooks without outputs" in done.stderr
    assert not any(cell.get("outputs") for cell in json.loads(path.read_text())["cells"])

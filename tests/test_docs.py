"""README and docs say what is there, and their commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from markdown_it import MarkdownIt

from conftest import ROOT
from flows.cli import app
from flows.settings import PREFIX, Settings

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# A block with one of these is not run, and why; its `gridletter` commands are still looked up.
NOT_RUN = {
    "make": "builds the environment that this test runs in, or runs this test",
    ".venv/bin/pytest": "the same",
    ".venv/bin/python -m benchmarks": "takes minutes",
    "conda": "conda is not there",
    "mamba": "the same",
    "micromamba": "the same",
    "aws": "needs an account of AWS",
    "pulumi": "the same",
    "prefect cloud": "needs an account of Prefect Cloud",
    "docker": "needs a Docker engine",
    "git clone": "needs the repository's host",
    "git push": "the same",
    "uv": "resolves dependencies anew, from a registry",
    "openssl": "not a dependency of this project",
    "gridletter serve": "does not end; tests/test_serve.py runs it",
    "gridletter new": "writes into notebooks/; tests/test_new.py runs it",
    "gridletter preview": "does not end; tests/test_preview.py runs it",
    "gridletter deploy": "needs Prefect's API; tests/test_deploy_server.py runs it",
    "gridletter emit": "the same",
    "gridletter reproduce": "needs an issue of one's own; tests/test_reproduce.py runs it",
    "gridletter rerender": "the same, in tests/test_rerender.py",
    "gridletter check": "takes half a minute; tests/faults/test_check_runs.py runs it",
    "gridletter backfill": "needs a folder of documents; tests/test_backfill.py runs it",
}
# Variables that the project reads beside its settings.
OTHER_VARIABLES = {f"{PREFIX}STACK_OUTPUTS", f"{PREFIX}NOTEBOOK_FILE"}
FOLDERS = (
    "flows",
    "tests",
    "scripts",
    "infra",
    "docs",
    "notebooks",
    "benchmarks",
    "tools",
    "images",
)


def tokens(page):
    """All tokens of the page, those inside its paragraphs too."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def runnable():
    """(page, text) of each block of shell commands all of which can run here; see `NOT_RUN`."""
    return [
        pytest.param(page, token.content, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, token in enumerate(
            token for token in tokens(page) if token.type == "fence" and token.info == "sh"
        )
        if not any(map(is_excused, commands(token.content)))
    ]


def commands(text):
    """Each command of a shell block as one line, the parts of a pipe apart."""
    lines = text.replace("\\\n", " ").replace("|\n", "| ").splitlines()
    for line in lines:
        for part in re.split(r"\s\|\s|&&|;\s", line.partition(" #")[0]):
            if part.strip() and not part.lstrip().startswith("#"):
                yield " ".join(part.replace(".venv/bin/gridletter", "gridletter").split())


def is_excused(command):
    """Say whether a command is one of `NOT_RUN`."""
    return any(f"{command} ".startswith(f"{begins} ") for begins in NOT_RUN)


def spoken():
    """(page, command) of each `gridletter …` in the pages: in text, in tables, in blocks."""
    for page in PAGES:
        for token in tokens(page):
            found = commands(token.content) if token.type == "fence" else [token.content]
            if token.type in {"fence", "code_inline"}:
                yield from ((page.name, text) for text in found if text.startswith("gridletter "))


GRIDLETTER = typer.main.get_command(app)


def resolve(words):
    """The command that `words` after `gridletter` name, and the words that are left."""
    click = GRIDLETTER
    while words and hasattr(click, "commands"):
        if words[0] not in click.commands:
            return None, words
        click, words = click.commands[words[0]], words[1:]
    return click, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    """Every link and picture within the repository is there, with the heading that it names."""
    for token in tokens(page):
        address = token.attrGet("href") or token.attrGet("src")
        if not address or re.match(r"[a-z]+:", address):
            continue
        name, _, heading = address.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), address
        if heading:
            assert heading in headings(target), address


def headings(page):
    """The anchors that a page's headings have, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_are_there(page):
    """A path of the repository in code is one; `…` and `<…>` stand for parts of it."""
    missing = [
        token.content
        for token in tokens(page)
        if token.type == "code_inline"
        and re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]+", token.content)
        and not (ROOT / token.content).exists()
    ]
    assert missing == []


def test_every_command_that_is_spoken_of_exists_with_its_options():
    """`gridletter NAME --option` in any page is a command with that option."""
    wrong = []
    for page, text in spoken():
        written = re.sub(r"[\[\]…]", " ", text)
        click, rest = resolve(shlex.split(written.replace("'", " "))[1:])
        names = {name for each in click.params for name in each.opts} if click else set()
        asked = {word.partition("=")[0] for word in rest if word.startswith("--")} - {"--help"}
        if click is None or asked - names:
            wrong.append((page, text))
    assert wrong == []


def test_every_setting_that_is_spoken_of_exists():
    """A variable of ours in any page is a setting, or one of the few others that are read."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    named = {
        name
        for page in PAGES
        for name in re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", page.read_text(encoding="utf-8"))
    }
    assert named - known - {f"{PREFIX}NAME"} == set()


def test_every_make_target_that_is_spoken_of_exists():
    """`make NAME` in any page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for token in tokens(page)
        if token.type in {"fence", "code_inline"}
        for name in re.findall(r"^(?:\s*)make ([a-z-]+)", token.content, re.MULTILINE)
    }
    assert named
    assert named <= targets


@pytest.mark.parametrize(("page", "text"), runnable())
def test_shell_blocks_run(page, text, home, tmp_path):
    """A block runs as it stands, in a fresh home beside the notebooks."""
    for name in ("notebooks", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text.replace(".venv/bin/", "")],
        cwd=tmp_path,
        env={
            **os.environ,
            "GRIDLETTER_HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, f"{page.name}: {text}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page, tmp_path):
    """A page's blocks run one after another: analysts' as a notebook's cells, or from the root."""
    code = "\n".join(
        token.content for token in tokens(page) if token.type == "fence" and token.info == "python"
    )
    if not code:
        return
    script = tmp_path / "blocks.py"
    script.write_text(code, encoding="utf-8")
    letter = ROOT / "notebooks" / "wind_solar.ipynb"
    done = subprocess.run(
        [sys.executable, script],
        cwd=letter.parent if page.stem == "analysts" else ROOT,
        env={**os.environ, "GRIDLETTER_NOTEBOOK_FILE": str(letter), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr

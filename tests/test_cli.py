"""The command: what it prints, what it returns, and that it is documented."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from conftest import ROOT, SAMPLES
from flows.cli import app, main

GRIDLETTER = Path(sys.executable).with_name("gridletter")
ACKNOWLEDGEMENT = (
    '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:'
    'acknowledgementdocument:7:0"><mRID>a</mRID><createdDateTime>2026-01-01T00:00:00Z'
    "</createdDateTime><Reason><code>999</code><text>No matching data</text></Reason>"
    "</Acknowledgement_MarketDocument>"
)


def command(*arguments, **options):
    return subprocess.run(
        [GRIDLETTER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=230,
        env={**os.environ, "NO_COLOR": "1"},
        **options,
    )


def commands(group=None, prefix="gridletter"):
    """Yield the name and the help of every command, groups unfolded."""
    click = group or typer.main.get_command(app)
    for name, sub in sorted(click.commands.items()):
        if hasattr(sub, "commands"):
            yield from commands(sub, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", sub


@pytest.mark.parametrize(("name", "click"), list(commands()), ids=str)
def test_every_command_explains_itself(name, click):
    """`--help` says what the command does and gives an example that names it."""
    shown = CliRunner().invoke(app, [*name.split()[1:], "--help"])
    assert shown.exit_code == 0
    assert click.help
    assert f"Example: {name}" in " ".join(shown.output.split())


def test_the_readme_has_every_command_and_no_other():
    """The README's table of commands is complete, and names none that is not there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    said = {match.strip() for match in re.findall(r"^\| `(gridletter [a-z ]+)", text, re.MULTILINE)}
    assert said == {name for name, _ in commands()}


def test_wrong_usage_is_exit_code_2():
    """No arguments, an unknown command and an unknown option are usage errors."""
    runner = CliRunner()
    assert runner.invoke(app, ["publish"]).exit_code == 2
    assert runner.invoke(app, ["unheard-of"]).exit_code == 2
    assert runner.invoke(app, ["doctor", "--loud"]).exit_code == 2


def test_a_bad_setting_is_one_line(monkeypatch, capsys):
    """A malformed setting ends any command with one line on stderr and exit code 1."""
    monkeypatch.setenv("GRIDLETTER_PARALLEL_NOTEBOOKS", "many")
    monkeypatch.setattr(sys, "argv", ["gridletter", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_publish_prints_one_object_a_line(tmp_path):
    """`--json` has exactly the documented keys, for good and bad sources, and no traceback."""
    good = tmp_path / "acknowledgement.xml"
    good.write_text(ACKNOWLEDGEMENT, encoding="utf-8")
    bad = tmp_path / "truncated.xml"
    sample = (SAMPLES / "load_DE_LU_forecast.xml").read_text(encoding="utf-8")
    bad.write_text(sample[:3000], encoding="utf-8")
    binary = tmp_path / "image.png"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    done = command("publish", "--json", bad, good, binary, tmp_path / "gone.xml", "-", input="x")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        assert list(line) == [
            *("source", "newsletter", "zone", "issue_id", "state", "page", "mails", "reason")
        ]
    states = [(Path(line["source"]).name, line["state"]) for line in lines]
    assert states == [
        ("truncated.xml", "failed"),
        ("acknowledgement.xml", "ignored"),
        ("image.png", "failed"),
        ("gone.xml", "failed"),
        ("-", "failed"),
    ]
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_the_demo_publishes_every_newsletter_once(home):
    """One issue of each newsletter at least, with its mails; a second demo changes nothing."""
    first = command("demo")
    assert first.returncode == 0, first.stdout + first.stderr
    for name in ("wind_solar", "day_ahead_prices", "load", "generation_mix", "outage_alert"):
        assert re.search(rf"^published  {name} ", first.stdout, re.MULTILINE), first.stdout
    assert (home / "archive").as_uri() in first.stdout
    assert (home / "outbox").as_uri() in first.stdout
    assert re.search(r"notebook \d+\.\d s", first.stdout)
    mails = sorted((home / "outbox").glob("*.eml"))
    assert mails
    second = command("demo")
    assert second.returncode == 0
    states = {line.split()[0] for line in second.stdout.splitlines() if line[:1].isalpha()}
    assert states == {"duplicate", "archive", "outbox"}
    assert sorted((home / "outbox").glob("*.eml")) == mails


def test_the_doctor_finds_what_is_wrong(home, monkeypatch, tmp_path):
    """A broken notebook and an unwritable home are named with what to do; the rest still passes."""
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "broken.ipynb").write_text("{}")
    home.write_text("a file where the home should be")
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(letters))
    done = command("doctor", "--json")
    checks = {check["name"]: check for check in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert checks["python"]["good"]
    assert not checks["home"]["good"]
    assert "broken" in checks["notebooks"]["says"]
    assert "Traceback" not in done.stderr

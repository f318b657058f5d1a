"""What is wrong with a notebook as it is written is found without running it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import mutants
from conftest import ROOT
from flows.check import contract, stored
from flows.cli import app
from flows.errors import NewsletterError
from flows.notebook.newsletter import load
from mutants import PARAMETERS, Mutant, header, own

NOTEBOOKS = ROOT / "notebooks"
SECRET = "hunter2hunter2"  # noqa: S105 - it opens nothing
MUTANTS = {
    "no_header": Mutant("contract", 0, "no header", cells={0: {"cell_type": "markdown"}}),
    "header_key": Mutant("contract", 0, "colour: no such key", header=header("colour: red")),
    "unknown_parameter": Mutant(
        "contract", 2, "nothing will set day", parameters=f"{PARAMETERS}\nday: str = ''"
    ),
    "undeclared_need": Mutant(
        "contract", 2, "does not assign previous_payload", header=header("needs: previous_payload")
    ),
    "hostile_name": Mutant("contract", 0, "no plain name", header=own('"x = 1\\nimport os"', 1)),
    "hiding_name": Mutant("contract", 2, "would hide", parameters=f"{PARAMETERS}\nopen: str = ''"),
    "known_of_wrong_type": Mutant(
        "contract", 2, "is injected as str", parameters="event_payload: dict = {}"
    ),
    "no_parameters_cell": Mutant(
        "contract", None, "0 cells are tagged", cells={2: {"metadata": {}}}
    ),
    "injected_cell_left": Mutant(
        "contract", 5, "papermill", cells={5: {"metadata": {"tags": ["injected-parameters"]}}}
    ),
    "untyped": Mutant(
        "parameter",
        2,
        "limit_mw has no type",
        header=own("limit_mw", 5),
        parameters=f"{PARAMETERS}\nlimit_mw = 5",
    ),
    "default_of_wrong_type": Mutant(
        "parameter",
        2,
        "the default of limit_mw is no float",
        header=own("limit_mw", 5),
        parameters=f"{PARAMETERS}\nlimit_mw: float = 'five'",
    ),
    "header_of_wrong_type": Mutant(
        "parameter",
        0,
        "the header's limit_mw is no list[int]",
        header=own("limit_mw", "[1, two]"),
        parameters=f"{PARAMETERS}\nlimit_mw: list[int] = []",
    ),
    "computed_default": Mutant(
        "parameter",
        2,
        "the default of folder is computed",
        header=own("folder", "x"),
        parameters=f"{PARAMETERS}\nfolder: str = str(1)",
    ),
    "type_that_json_has_not": Mutant(
        "parameter",
        2,
        "is none that a flow can inject",
        header=own("limit_mw", 5),
        parameters=f"{PARAMETERS}\nlimit_mw: complex = 5",
    ),
    "secret_in_the_header": Mutant(
        "secret",
        0,
        "api_key",
        header=own("api_key", SECRET),
        parameters=f"{PARAMETERS}\napi_key: str = ''",
    ),
    "secret_in_a_default": Mutant(
        "secret",
        2,
        "smtp_password",
        header=own("smtp_password", "''"),
        parameters=f"{PARAMETERS}\nsmtp_password: str = '{SECRET}'",
    ),
    "password_in_an_address": Mutant(
        "secret", 5, "password in an address", last=f"url = 'https://ada:{SECRET}@news.example/'"
    ),
    "secret_as_an_argument": Mutant("secret", 5, "token", last=f"dict(token='{SECRET}')"),
    "key_in_prose": Mutant(
        "secret", 5, "a key of AWS", last=f"AKIA{'A' * 16}", cells={5: {"cell_type": "markdown"}}
    ),
    "absolute_path": Mutant("path", 5, "/home/ada/x.csv", last="path = '/home/ada/x.csv'"),
    "path_of_windows": Mutant("path", 5, "ada", last=r"path = 'C:\\Users\\ada\\x.csv'"),
    "path_in_the_header": Mutant(
        "path",
        0,
        "/srv/data/x.csv",
        header=own("file", "/srv/data/x.csv"),
        parameters=f"{PARAMETERS}\nfile: str = ''",
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Findings by notebook, of one check over all mutants."""
    return mutants.findings(MUTANTS, tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutated_notebook_is_refused(found, name):
    """The one fault is found, in its cell, with what is wrong and what to do about it."""
    mutants.assert_found(MUTANTS[name], found[name])


def test_deploy_refuses_notebooks_that_do_not_pass(monkeypatch, tmp_path):
    """What is wrong is said before Prefect's API, which is not there, is asked for anything."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(tmp_path))
    mutant = MUTANTS["absolute_path"]
    mutant.write(tmp_path, "letter")
    (tmp_path / "sample.xml").write_text("<a/>")
    refused = CliRunner().invoke(app, ["deploy", "--pool", "p", "--type", "process"])
    assert isinstance(refused.exception, NewsletterError)
    assert "letter.ipynb, cell 5" in refused.stderr
    assert "--skip-check" in refused.exception.remedy


def test_the_command_prints_a_line_or_an_object_for_each_finding(tmp_path):
    """Exit code 1 and a line with cell, fault and remedy; with --json the same as an object."""
    path = MUTANTS["no_header"].write(tmp_path, "letter")
    (tmp_path / "sample.xml").write_text("<a/>")
    shown = CliRunner().invoke(app, ["check", str(path)])
    assert shown.exit_code == 1
    assert "letter.ipynb, cell 0: there is no header. Make the first" in shown.stdout
    assert "1 finding in 1 notebook" in shown.stdout
    told = CliRunner().invoke(app, ["check", "--json", str(path)])
    assert json.loads(told.stdout) == {
        "notebook": "letter.ipynb",
        "cell": 0,
        "code": "contract",
        "what": "there is no header",
        "remedy": "Make the first cell a raw cell with the header.",
        "case": "",
    }
    assert CliRunner().invoke(app, ["check", str(tmp_path / "none.ipynb")]).exit_code == 2


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_bundled_notebooks_have_no_outputs(path):
    """What git has of them shows nothing that came of a run."""
    assert list(stored.look(path, contract.cells(load(path)))) == []

"""The commands about subscribers: what they print, what they return, what they leave behind."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from flows.delivery import directory_dynamodb
from flows.delivery.directory import open_directory
from flows.delivery.ledger import open_ledger
from flows.delivery.subscribers import Subscriber
from ledger_examples import new_tables

pytest_plugins = ("dynamodb_standin",)

GRIDLETTER = Path(sys.executable).with_name("gridletter")


@pytest.fixture
def gridletter(monkeypatch, capsys):
    """Run `gridletter subscribers …` in this process; give exit code, stdout and stderr."""

    def _run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gridletter", "subscribers", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return _run


@pytest.fixture
def place(home):
    """Name the ledger that the commands use."""
    return f"sqlite:///{home / 'ledger.db'}"


def _file(tmp_path, text):
    path = tmp_path / "readers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_reader_is_added_listed_and_removed(gridletter):
    """What was added is listed with its state, and is gone once it was removed."""
    added = gridletter(
        *("add", "Ada", "ADA@bücher.example", "--newsletter", "load"),
        *("--newsletter", "prices", "--zone", "DE_LU", "--zone", "be"),
    )
    assert added == (0, "ada@xn--bcher-kva.example added\n", "")
    listed = "Ada,ada@xn--bcher-kva.example,load;prices,BE;DE_LU,active\n"
    assert gridletter("list") == (0, "name,email,newsletters,zones,state\n" + listed, "")
    assert gridletter("remove", "Ada@Bücher.example")[:1] == (0,)
    assert gridletter("list") == (0, "name,email,newsletters,zones,state\n", "")


def test_the_list_is_there_for_machines(gridletter, place):
    """`--json` prints one object a line, with lists where there may be several."""
    open_directory(place).add([Subscriber("Zoë", "z@reader.example", ("load", "prices"))])
    code, out, _ = gridletter("list", "--json")
    assert (code, out.count("\n")) == (0, 1)
    assert json.loads(out) == {
        "name": "Zoë",
        "email": "z@reader.example",
        "newsletters": ["load", "prices"],
        "zones": [],
        "state": "active",
    }


def test_adding_again_says_whether_anything_differs(gridletter, place):
    """The same reader again is fine; one who would be changed is left alone, with a hint how to."""
    gridletter("add", "Ada", "ada@reader.example", "--zone", "BE")
    again = gridletter("add", "Ada", "ADA@reader.example", "--zone", "be", "--zone", "BE")
    assert again == (0, "ada@reader.example known already\n", "")
    code, out, err = gridletter("add", "Ada", "ada@reader.example")
    assert (code, out) == (1, "")
    assert "remove ada@reader.example first" in err
    assert open_directory(place).find("ada@reader.example").zones == ("BE",)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "Ada", "ada@@reader.example"], "is no address"),
        (["add", "Ada\r\nBcc: x", "ada@reader.example"], "control characters"),
        (["add", "Ada", "ada@reader.example", "--newsletter", "wind solar"], "no name of a news"),
        (["add", "Ada", "ada@reader.example", "--zone", "DE-LU"], "no name of a zone"),
        (["remove", "nobody@reader.example"], "is no subscriber"),
        (["remove", "nobody"], "is no address"),
        (["import", "none.csv"], "there is no file"),
        (["import", __file__], "it is not name,email,newsletters,zones"),
    ],
)
def test_what_fails_is_one_line(gridletter, arguments, says, place):
    """A failure is exit code 1, nothing on stdout, one line that says why; nothing is changed."""
    code, out, err = gridletter(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err
    assert list(open_directory(place).subscribers()) == []


@pytest.mark.parametrize(
    "arguments", [["add", "Ada"], ["add"], ["import"], ["remove"], ["list", "--loud"], ["forget"]]
)
def test_wrong_usage_is_exit_code_2(gridletter, arguments):
    """A missing argument, an unknown option and an unknown command are usage errors."""
    assert gridletter(*arguments)[0] == 2


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced: 550 5.1.1 unknown user"])
def test_a_suppressed_address_is_not_added(gridletter, place, reason):
    """Who unsubscribed, or whose address bounced, is refused with that reason and not entered."""
    open_ledger(place).suppress("ada@reader.example", reason)
    code, _, err = gridletter("add", "Ada", "Ada@reader.example")
    assert code == 1
    assert reason in err
    assert list(open_directory(place).subscribers()) == []


def test_an_import_reports_every_refused_line(gridletter, tmp_path, place):
    """Good lines are taken, each refused line is named on stderr, and the exit code says so."""
    text = "name,email,newsletters,zones\nAda,ada@reader.example,,\nBo,bo@@reader.example,,\n"
    code, out, err = gridletter("import", _file(tmp_path, text))
    assert (code, out) == (1, "1 added, 0 known already, 1 refused\n")
    assert err.startswith("gridletter: line 3 is refused: 'bo@@reader.example' is no address")
    assert err.count("\n") == 1
    assert [reader.name for reader in open_directory(place).subscribers()] == ["Ada"]


def test_an_export_is_importable(gridletter, tmp_path, place, monkeypatch):
    """`list` into a file and `import` of it move everybody, opt-outs too, to another home."""
    lines = '"A, B",a@reader.example,load;prices,BE\nC,c@reader.example,,\n'
    text = "name,email,newsletters,zones\n" + lines
    assert gridletter("import", _file(tmp_path, text))[0] == 0
    open_ledger(place).suppress("c@reader.example", "unsubscribed")
    _, listed, _ = gridletter("list")
    assert [row["state"] for row in csv.DictReader(io.StringIO(listed))] == [
        *("active", "unsubscribed")
    ]
    monkeypatch.setenv("GRIDLETTER_HOME", str(tmp_path / "elsewhere"))
    moved = gridletter("import", _file(tmp_path, listed))
    assert moved == (0, "2 added, 0 known already, 0 refused\n", "")
    assert gridletter("list") == (0, listed, "")
    assert gridletter("add", "C", "c@reader.example")[0] == 1


def test_a_bar_is_drawn_for_people_only(tmp_path, place):
    """On a terminal an import shows how far it is on stderr; what it prints stays the same."""
    lines = "".join(f"R,r{number}@reader.example,,\n" for number in range(300))
    source = _file(tmp_path, "name,email,newsletters,zones\n" + lines + "Bad,bad,,\n")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [GRIDLETTER, "subscribers", "import", source],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=False,
            timeout=60,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        )
        shown = os.read(ours, 1 << 16).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.stdout == b"300 added, 0 known already, 1 refused\n"
    assert "importing" in shown
    assert "100%" in shown
    assert "line 302 is refused" in shown
    assert len(list(open_directory(place).subscribers())) == 300


def test_a_reader_of_the_list_may_leave(place):
    """`gridletter subscribers list | head -1` ends without a traceback."""
    open_directory(place).add(
        [Subscriber("R" * 99, f"r{number}@reader.example") for number in range(3000)]
    )
    with subprocess.Popen(
        [GRIDLETTER, "subscribers", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as listing:
        assert listing.stdout.readline() == "name,email,newsletters,zones,state\n"
        listing.stdout.close()
        assert listing.stderr.read() == ""
        listing.wait(30)


@pytest.mark.usefixtures("dynamodb")
def test_all_commands_work_on_dynamodb(gridletter, tmp_path, monkeypatch):
    """With GRIDLETTER_LEDGER set to DynamoDB the same commands do the same there."""
    place = new_tables()
    directory_dynamodb.create_table(place.removeprefix("dynamodb://"))
    monkeypatch.setenv("GRIDLETTER_LEDGER", place)
    assert gridletter("add", "Ada", "ada@reader.example", "--zone", "BE")[0] == 0
    lines = "A,ada@reader.example,,,\nC,c@reader.example,,,bounced\n"
    text = "name,email,newsletters,zones,state\n" + lines
    imported = gridletter("import", _file(tmp_path, text))
    assert imported == (0, "1 added, 1 known already, 0 refused\n", "")
    assert gridletter("list")[1].splitlines()[1:] == [
        "Ada,ada@reader.example,,BE,active",
        "C,c@reader.example,,,bounced",
    ]
    assert gridletter("remove", "ada@reader.example")[0] == 0
    assert gridletter("remove", "ada@reader.example")[0] == 1

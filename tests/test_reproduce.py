from __future__ import annotations

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

import archived_examples as examples
from cells import NOTEBOOKS
from flows.archive import open_store
from flows.cli import app
from flows.cli import reproduce as _command  # noqa: F401 - it adds the command
from flows.errors import SettingsError
from flows.issue import identity
from flows.reproduce import offline, source
from flows.reproduce.reproduce import other_versions, reproduce
from notebooks import write as write_notebook

SOURCE = """
import pathlib, socket
from flows import desk
import pandas as pd
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5).close()
    reached = "reached"
except OSError:
    reached = "unreachable"
given = pathlib.Path({value!r}).read_text()
peak = float(given) if given != "none" else None
desk.headline("Solar peaks")
desk.kpis(desk.kpi("Peak", peak, "GW"), desk.kpi("Network", reached))
desk.table(pd.DataFrame({{"hour": ["13:00", "14:00"], "GW": [1.0, peak]}}), caption="By hour")
figure, axes = desk.chart(2.0)
axes.plot([1, 2], [1.0, peak], label="Solar")
desk.figure(figure, alt="A line.")
1 / (given != "broken")
"""


class Host:
    """What a notebook may try to reach: a listening socket, and an archive over HTTP."""

    def __init__(self, folder):
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        handler = functools.partial(_Quiet, directory=str(folder))
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._web.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._web.server_address[1]}"

    def _accept(self):
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.connections += 1

    def close(self):
        self._socket.close()
        self._web.shutdown()
        self._web.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Rig:
    """Archived issues of every kind that a test is about, and their reports, made in one go."""

    def __init__(self, folder):
        self.archive = folder / "archive"
        self.letters = folder / "letters"
        self.letters.mkdir(parents=True)
        self.host = Host(folder)
        self.value = folder / "value.txt"
        self.value.write_text("41.5")
        path = write_notebook(
            self.letters, SOURCE.format(port=self.host.port, value=str(self.value))
        )
        self.letter = examples.newsletter.load(path)
        self.document = examples.sample("wind_solar_DE_LU.xml")
        _, self.folder = examples.publish(self.archive, self.letter, self.document)
        wind = examples.letter("wind_solar")
        first = examples.publish(self.archive, wind, self.document)[0]
        later = examples.sample("wind_solar_DE_LU_intraday.xml")
        self.issue, self.real = examples.publish(
            self.archive, wind, later, previous=(first, self.document)
        )
        self.page = f"{self.host.url}/archive/{self.issue.path}/index.html?from=mail#top"

    def copy(self, name, folder=None):
        """Return a copy of an archived issue, to be spoiled."""
        return Path(shutil.copytree(folder or self.folder, self.archive / "copies" / name))

    def reproduce(self, *names):
        """Return the reports by name."""
        return {report.name: report for report in self.reports(names)}

    def reports(self, names):
        """Return the reports, one for each of `names`."""
        return list(
            reproduce(
                map(str, names),
                store=lambda: open_store(str(self.archive)),
                notebooks=NOTEBOOKS,
                limits=examples.LIMITS,
            )
        )


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """Make the issues."""
    made = Rig(tmp_path_factory.mktemp("reproduce"))
    yield made
    made.host.close()


@pytest.fixture(scope="module")
def same(rig):
    """Reproduce by each kind of name, with nothing changed."""
    lone = rig.copy("lone", rig.real)
    names = (rig.real, rig.page, rig.real.as_uri(), rig.issue.issue_id, rig.real / "issue.json")
    before = rig.host.connections
    reports = rig.reproduce(*names, rig.folder, lone)
    return reports, rig.host.connections - before


@pytest.fixture(scope="module")
def other(rig):
    """Reproduce with another value behind the notebook, one that breaks it, and none at all."""

    def names():
        for value in ("43.25", "broken", "none"):
            rig.value.write_text(value)
            yield rig.folder

    reports = rig.reports(names())
    rig.value.write_text("41.5")
    return reports


# ── equal ──────────────────────────────────────────────────────────────────────────────────────


def test_an_issue_comes_out_again_wherever_it_is_named(rig, same):
    """Folder, file, page over HTTP, file: address and id all name it, and it is equal."""
    reports, _ = same
    names = (rig.real, rig.page, rig.real.as_uri(), rig.issue.issue_id, rig.real / "issue.json")
    for name in names:
        report = reports[str(name)]
        assert report.equal, report
        assert (report.path, report.versions) == (rig.issue.path, ())


def test_no_notebook_reaches_the_network(rig, same):
    """A notebook that reached a host when it was published does not when it is reproduced."""
    reports, connections = same
    report = reports[str(rig.folder)]
    assert report.offline in {offline.NAMESPACE, offline.SOCKETS}
    assert connections == 0
    (difference,) = report.differences
    assert difference.where == "KPI Network"
    assert (difference.archived, difference.again) == ("reached", "unreachable")


def test_what_a_notebook_was_given_of_another_issue_is_needed(rig, same):
    """A copy of a folder alone lacks the issue before it: that is said, not passed over."""
    reports, _ = same
    report = reports[str(rig.archive / "copies" / "lone")]
    assert not report.equal
    assert "document.xml, which the notebook was given, is gone" in report.failure


# ── different ──────────────────────────────────────────────────────────────────────────────────


def test_what_differs_is_named(other):
    """A figure, a table's cell and a point of a chart's series are named with both values."""
    found = {d.where: (d.archived, d.again) for d in other[0].differences}
    assert found["KPI Peak"] == ("41.5 GW", "43.2 GW")
    assert found["KPI Peak, value"] == ("41.5", "43.25")
    assert found["table By hour, row 2, GW"] == ("41.5", "43.2")
    assert found["chart 1, Solar at 2.0"] == ("41.5", "43.25")
    assert not other[0].equal


def test_a_notebook_that_breaks_is_a_failure_that_says_where(other):
    """An error in the notebook is told with its cell, and the versions are told all the same."""
    assert "could not convert" in other[1].failure or "ValueError" in other[1].failure
    assert "example, cell" in other[1].failure


def test_a_missing_value_is_a_difference(other):
    """A figure that comes out as n/a is told as such."""
    found = {d.where: (d.archived, d.again) for d in other[2].differences}
    assert found["KPI Peak"] == ("41.5 GW", "n/a")


# ── versions ───────────────────────────────────────────────────────────────────────────────────


def test_a_changed_library_is_named(rig):
    """A package, Python or lock file of another version is told, then and now."""
    then = {**rig.issue.versions, "pandas": "1.5.3", "python": "3.9.0"}
    then["requirements.lock"] = "sha256:old"
    then["gone"] = "1.0"
    versions = {
        v.name: v
        for v in other_versions(rig.issue.model_copy(update={"versions": then}), NOTEBOOKS)
    }
    assert set(versions) == {"pandas", "python", "requirements.lock", "gone"}
    assert versions["pandas"].archived == "1.5.3"
    assert versions["pandas"].now == rig.issue.versions["pandas"]
    assert versions["gone"].now == "(none)"


def test_a_changed_notebook_is_named(rig, tmp_path):
    """Another source in today's folder is told by its hash; a newsletter that is gone, too."""
    write_notebook(tmp_path, "from flows import desk", name="wind_solar")
    (changed,) = other_versions(rig.issue, tmp_path)
    assert changed.name == "notebook"
    assert changed.archived == f"sha256:{examples.letter('wind_solar').source_hash}"
    assert changed.now.startswith("sha256:")
    (gone,) = other_versions(rig.issue, tmp_path / "nowhere")
    assert gone.now == "(none)"


def test_changed_templates_are_named(rig, monkeypatch):
    """Templates of another hash are told."""
    monkeypatch.setattr(identity, "templates_hash", lambda: "changed")
    (changed,) = other_versions(rig.issue, NOTEBOOKS)
    assert (changed.name, changed.now) == ("templates", "changed")


# ── damaged, missing, hostile ──────────────────────────────────────────────────────────────────


def test_damaged_files_are_named_and_nothing_runs(rig):
    """Each file that is gone or not what was written is named; the notebook is not run."""
    spoiled = rig.copy("spoiled")
    (spoiled / "notebook.ipynb").write_bytes((spoiled / "notebook.ipynb").read_bytes() + b" ")
    (spoiled / "email.html").unlink()
    report = rig.reproduce(spoiled)[str(spoiled)]
    assert report.damaged == ("email.html is gone", "notebook.ipynb is not what was written")
    assert (report.equal, report.offline) == (False, "")


def test_a_document_of_another_issue_is_checked_too(rig):
    """A document that was changed in the issue before is no input to reproduce from."""
    (path,) = [
        p["issue"] for p in rig.issue.parameters.values() if isinstance(p, dict) and "issue" in p
    ]
    document = rig.archive / path / "document.xml"
    whole = document.read_bytes()
    document.write_bytes(whole + b"<!-- changed -->")
    try:
        place = source.find(str(rig.real), lambda: None)
        with pytest.raises(source.StorageError, match="is not what was written"):
            source.other_document(place, rig.issue, path, "document.xml")
    finally:
        document.write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": {"../../../secret.xml": "0" * 64}}, "../../../secret.xml is gone"),
        ({"newsletter": "../../evil"}, "is no newsletter|does not follow|can't be used|name"),
        ({"revision": "x"}, "damaged"),
        ({"schema_version": 9}, "damaged"),
        ({"parameters": {"event_payload": {"issue": "../../etc", "file": "document.xml"}}}, "gone"),
    ],
    ids=["file", "newsletter", "revision", "schema", "reference"],
)
def test_a_hostile_record_leads_nowhere(rig, change, said, request):
    """A record that names other files, folders or fields is refused in words, and reads nothing."""
    spoiled = rig.copy(request.node.callspec.id)
    record = json.loads((spoiled / "issue.json").read_text()) | change
    (spoiled / "issue.json").write_text(json.dumps(record))
    (report,) = rig.reports([spoiled])
    assert (report.equal, report.offline) == (False, "")
    assert re.search(said, " ".join((*report.damaged, report.failure)))


def test_an_unknown_issue_says_what_to_name(rig):
    """An id that the archive has not, and a folder that is none, are told as such."""
    store = functools.partial(open_store, str(rig.archive))
    with pytest.raises(SettingsError, match="GRIDLETTER_ARCHIVE"):
        source.find("0" * 20, store)
    with pytest.raises(SettingsError, match="is no folder, address or id"):
        source.find("no/such/folder", store)
    with pytest.raises(source.StorageError, match="there is no issue"):
        source.load(source.find(f"{rig.host.url}/archive/nowhere/", store))


def test_a_file_without_end_is_not_read(rig, monkeypatch):
    """What is larger than any issue's file is refused, from a folder as over HTTP."""
    monkeypatch.setattr(source, "LARGEST_BYTES", 1000)
    for name in (str(rig.real), rig.page):
        with pytest.raises(source.StorageError, match="is larger than"):
            source.load(source.find(name, lambda: None))


def test_a_dead_server_is_told(rig):
    """An address that nobody answers is an error with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(source.StorageError, match="can't be fetched"):
        source.load(source.find(f"http://127.0.0.1:{port}/x/index.html", lambda: None))


# ── without a namespace ────────────────────────────────────────────────────────────────────────

_REFUSING = """
import sys
from flows.reproduce import offline
offline._leave_the_network = lambda: False
offline.main()
"""


def test_without_a_namespace_sockets_are_refused(rig):
    """Where no namespace is to be had, the notebook's own Python refuses to connect."""
    job = {
        "path": str(rig.letters / "example.ipynb"),
        "parameters": {"event_payload": rig.document.xml},
        "limits": {"deadline_seconds": 120, "memory_mb": 4096, "output_mb": 16},
    }
    before = rig.host.connections
    done = subprocess.run(
        [sys.executable, "-P", "-c", _REFUSING],
        input=json.dumps(job) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    how, answer = map(json.loads, done.stdout.splitlines())
    assert how == offline.SOCKETS
    assert "unreachable" in answer["notebook"]
    assert rig.host.connections == before


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("socket.create_connection(('127.0.0.1', {port}))", True),
        ("socket.getaddrinfo('host.example', 80)", True),
        (
            "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
            True,
        ),
        ("socket.socket(socket.AF_UNIX).bind({path!r})", False),
        ("a, b = socket.socketpair(); a.send(b'x'); b.recv(1)", False),
    ],
)
def test_only_unix_sockets_are_left(rig, tmp_path, code, refused):
    """Connecting, sending and looking up names are refused; a kernel's own sockets work."""
    code = code.format(port=rig.host.port, path=str(tmp_path / "s"))
    done = subprocess.run(
        [sys.executable, "-c", f"import socket; {code}"],
        env=os.environ | {"PYTHONPATH": str(offline._REFUSAL)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("PermissionError" in done.stderr) is refused
    assert (done.returncode != 0) is refused


# ── the command ────────────────────────────────────────────────────────────────────────────────


def test_the_command_says_equal_or_what_differs(rig, monkeypatch):
    """Exit code 0 where all are equal, else 1; as JSON one object a line; an id in the archive."""
    monkeypatch.setenv("GRIDLETTER_ARCHIVE", str(rig.archive))
    run = functools.partial(CliRunner().invoke, app)
    equal = run(["reproduce", rig.issue.issue_id])
    assert equal.exit_code == 0
    assert equal.stdout.startswith(f"equal      {rig.issue.path}: {rig.issue.headline}")
    both = run(["reproduce", "--json", str(rig.real), str(rig.folder)])
    assert both.exit_code == 1
    first, second = map(json.loads, both.stdout.splitlines())
    assert (first["equal"], second["equal"]) == (True, False)
    assert second["differences"][0]["where"] == "KPI Network"


def test_the_command_warns_of_code_from_addresses():
    """The help says that an archive's code is run."""
    shown = CliRunner().invoke(app, ["reproduce", "--help"])
    assert "runs code from the archive" in " ".join(shown.stdout.split())

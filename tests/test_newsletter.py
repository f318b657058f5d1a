from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import notebooks
from flows.errors import NewsletterError
from flows.notebook.newsletter import KNOWN_PARAMETERS, catalogue, load

ROOT = Path(__file__).parent.parent
FULL = """\
title: Wind & solar forecast
description: What wind and sun will bring.
listens_to:
  document_type: [A69, A71]
  process_type: [A01, A40]
  zones: [DE_LU, 10YFR-RTE------C]
needs: [installed_capacity]
sample: sample.xml
parameters:
  threshold_mw: 100
  labels: {solar: "Sun"}
"""
FULL_PARAMETERS = """\
event_payload: str = desk.sample()   # XML
installed_capacity: dict[str, float] = {}
previous_payload = ""
threshold_mw: float = 50
labels: dict = {}
"""


def refusal(folder, **written):
    with pytest.raises(NewsletterError) as caught:
        load(notebooks.write(folder, **written))
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    return caught.value


def edited(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def document(**fields):
    zone = SimpleNamespace(code="DE_LU", eic="10Y1001A1001A82H")
    values = {"document_type": "A69", "process_type": "A01", "zone": zone, "counter_zone": None}
    return SimpleNamespace(**values | fields)


def test_load_reads_the_whole_contract(tmp_path):
    """A newsletter carries what its header and parameters cell say, and its sample's full path."""
    newsletter = load(notebooks.write(tmp_path, header=FULL, parameters=FULL_PARAMETERS))
    assert newsletter.name == "example"
    assert newsletter.title == "Wind & solar forecast"
    assert newsletter.description == "What wind and sun will bring."
    assert newsletter.document_types == ("A69", "A71")
    assert newsletter.process_types == ("A01", "A40")
    assert newsletter.zones == ("DE_LU", "10YFR-RTE------C")
    assert newsletter.needs == {"installed_capacity"}
    assert newsletter.sample == tmp_path.resolve() / "sample.xml"
    assert newsletter.parameters == {"threshold_mw": 100, "labels": {"solar": "Sun"}}
    assert newsletter.declared == {
        *("event_payload", "installed_capacity", "previous_payload"),
        *("threshold_mw", "labels"),
    }
    assert pickle.loads(pickle.dumps(newsletter)) == newsletter  # noqa: S301 - our own bytes


def test_source_may_be_a_list_of_lines(tmp_path):
    """A notebook as JupyterLab saves it, with sources as lists of lines, is the same newsletter."""
    path = notebooks.write(tmp_path, "x = 1\ny = 2", header=FULL, parameters=FULL_PARAMETERS)
    joined = load(path)

    def split(content):
        for cell in content["cells"]:
            cell["source"] = "".join(cell["source"]).splitlines(keepends=True)

    assert load(edited(path, split)).source_hash == joined.source_hash


def test_hash_follows_sources_not_outputs(tmp_path):
    """The source hash changes with a source or a tag, and not when a notebook was merely run."""
    path = notebooks.write(tmp_path, "1 + 1")
    first = load(path).source_hash

    def ran(content):
        content["cells"][2] |= {"execution_count": 7}
        content["cells"][2]["outputs"] = [
            {"output_type": "stream", "name": "stdout", "text": ["2"]}
        ]

    assert load(edited(path, ran)).source_hash == first
    assert load(notebooks.write(tmp_path, "1 + 2")).source_hash != first
    path = notebooks.write(tmp_path, "1 + 1")
    tagged = edited(path, lambda content: content["cells"][2]["metadata"].update(tags=["x"]))
    assert load(tagged).source_hash != first


@pytest.mark.parametrize(
    ("fields", "listens"),
    [
        ({}, True),
        ({"document_type": "A65"}, False),
        ({"process_type": "A18"}, False),
        ({"process_type": None}, False),
        ({"zone": SimpleNamespace(code="FR", eic="10YFR-RTE------C")}, True),
        ({"zone": SimpleNamespace(code="BE", eic="10YBE----------2")}, False),
        (
            {
                "zone": SimpleNamespace(code="BE", eic="10YBE----------2"),
                "counter_zone": SimpleNamespace(code="DE_LU", eic="10Y1001A1001A82H"),
            },
            True,
        ),
    ],
)
def test_listens_to_types_and_zones(tmp_path, fields, listens):
    """A newsletter listens if types match and either zone is one of its, by code or by EIC."""
    newsletter = load(notebooks.write(tmp_path, header=FULL, parameters=FULL_PARAMETERS))
    assert newsletter.listens_to(document(**fields)) is listens


def test_nothing_named_means_all(tmp_path):
    """Without process types, and with zones `all`, only the document type decides."""
    newsletter = load(notebooks.write(tmp_path))
    assert newsletter.listens_to(document(process_type=None))
    assert newsletter.listens_to(document(zone=SimpleNamespace(code="x", eic="y")))
    assert not newsletter.listens_to(document(document_type="A44"))


def test_wants_only_what_is_declared_and_needed(tmp_path):
    """The flow looks up the event for each newsletter, and else what `needs` names."""
    newsletter = load(notebooks.write(tmp_path, header=FULL, parameters=FULL_PARAMETERS))
    wanted = {name for name in KNOWN_PARAMETERS if newsletter.wants(name)}
    assert wanted == {"event_payload", "installed_capacity"}
    assert not newsletter.wants("threshold_mw")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title: Example", "title: Example\ncolour: red", "colour: no such key"),
        ("title: Example\n", "", "title: is missing"),
        ("title: Example", "title: 2026", "title: must be text"),
        ("title: Example", 'title: "a\\r\\nBcc: x"', "title: must be one line"),
        ("title: Example", "title: Example\ntitle: Twice", "'title' stands there twice in line 3"),
        ("title: Example", "title: Example\non: 1", "key True is no text"),
        ("title: Example", "title: !!python/name:os.system", "python/name:os.system"),
        ("title: Example", "title: [", "in line"),
        ("title: Example", "title: \x00", "can't be read as YAML"),
        ("A69", "A6", "document_type.0"),
        ("A69", "[]", "document_type"),
        ("zones: all", "zones: DE-LU", "'DE-LU' is neither"),
        ("zones: all", "zones: [NO]", "zones.0: must be text"),
        ("zones: all", "zones: ../x", "'../x' is neither"),
        ("zones: all", "area: all", "zones: is missing"),
        ("sample.xml", "sample.xml\nneeds: [password]", "'password' is none of"),
        ("sample.xml", "../sample.xml", "no file in the notebook's folder"),
        ("sample.xml", "/etc/passwd", "no file in the notebook's folder"),
        ("sample.xml", "gone.xml", "no file in the notebook's folder"),
        ("sample.xml", "ü" * 190, "no file in the notebook's folder"),
        ("sample.xml", "sample.xml\nparameters: {a: 2026-01-01}", "not a valid JSON value"),
        ("sample.xml", "sample.xml\nparameters: {a: 2026-13-01}", "month must be in 1..12"),
        ("sample.xml", "sample.xml\nparameters: {a: .nan}", "finite number"),
        ("sample.xml", "sample.xml\nparameters: {a: 1.0e+400}", "finite number"),
        ("sample.xml", "sample.xml\nparameters: {a: 1, a: 2}", "'a' stands there twice"),
        ("sample.xml", "sample.xml\nparameters: {1: 2}", "key 1 is no text"),
        ("sample.xml", "sample.xml\nparameters: {a: &b [1], c: *b}", "aliases"),
        ("sample.xml", "sample.xml\nparameters: {a: " + "9" * 5000 + "}", "4300 digits"),
        ("sample.xml", "sample.xml\nparameters: " + "[" * 5000, "can't be read as YAML"),
        ("sample.xml", "sample.xml\nparameters: {event_payload: x}", "name it under `needs`"),
        ("sample.xml", "sample.xml\nparameters: {__import__: x}", "is no plain name"),
        ("sample.xml", 'sample.xml\nparameters: {"x = 1\\nimport os": 1}', "is no plain name"),
        ("sample.xml", "sample.xml\nparameters: {print: 1}", "'print' would hide"),
        ("sample.xml", "sample.xml\nparameters: {desk: 1}", "'desk' would hide"),
        ("title: Example", "title: " + "x" * 30_000, "at most 20000 characters"),
    ],
)
def test_header_is_refused(tmp_path, old, new, says):
    """A header outside the contract is refused in one line that names the key and the cell."""
    error = refusal(tmp_path, header=notebooks.HEADER.replace(old, new))
    assert says in error.what
    assert error.data["cell"] == 0
    assert error.data["path"].name == "example.ipynb"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('event_payload = ""\nimport os', "line 2 is no assignment"),
        ('event_payload = ""\nos.environ["x"] = 1', "line 2 is no assignment"),
        ('event_payload = ""\na, b = 1, 2', "line 2 is no assignment"),
        ('event_payload = ""\na = b = 2', "line 2 is no assignment"),
        ('event_payload = ""\nevent_payload += "x"', "line 2 is no assignment"),
        ('event_payload = ""\nif True:\n    x = 1', "line 2 is no assignment"),
        ("event_payload: str", "line 1 is no assignment"),
        ('event_payload = ""\nevent_payload = "x"', "assigns event_payload a second time"),
        ("event_payload: dict = {}", "event_payload is injected as str"),
        ('event_payload = ""\nthreshold = 1', "nothing will set threshold"),
        ("x = 1", "does not assign event_payload"),
        ("", "does not assign event_payload"),
        ('event_payload = ""\n__builtins__ = {}', "is no plain name"),
        ('event_payload = ""\nopen = 1', "'open' would hide"),
        ('event_payload = ""\npräfix = 1', "is no plain name"),
        ("%matplotlib inline", "line 1 is no Python"),
        ("event_payload = '\x00'", "no Python"),
        ("event_payload = " + "(" * 5000, "can't be used"),
        ("event_payload = " + "-" * 100_000 + "1", "can't be used"),
    ],
)
def test_parameters_cell_is_refused(tmp_path, source, says):
    """A parameters cell that does more than assign known names is refused, naming the line."""
    error = refusal(tmp_path, parameters=source)
    assert says in error.what
    assert error.data["cell"] == 1


@pytest.mark.parametrize("missing", ["installed_capacity", "threshold_mw", "labels"])
def test_needs_and_parameters_must_be_declared(tmp_path, missing):
    """What the header names but the parameters cell does not assign would never arrive: refused."""
    kept = [line for line in FULL_PARAMETERS.splitlines() if not line.startswith(missing)]
    error = refusal(tmp_path, header=FULL, parameters="\n".join(kept))
    assert f"does not assign {missing}" in error.what


def _second_parameters(content):
    content["cells"][2]["metadata"]["tags"] = ["parameters"]


def _no_parameters(content):
    content["cells"][1]["metadata"]["tags"] = []


def _injected(content):
    content["cells"][2]["metadata"]["tags"] = ["injected-parameters"]


def _markdown_first(content):
    content["cells"][0]["cell_type"] = "markdown"


def _unknown_cell(content):
    content["cells"][2]["cell_type"] = "heading"


@pytest.mark.parametrize(
    ("change", "cell", "says"),
    [
        (_second_parameters, 2, "2 cells are tagged"),
        (_no_parameters, None, "0 cells are tagged"),
        (_injected, 2, "papermill has injected this cell"),
        (_markdown_first, 0, "there is no header"),
        (_unknown_cell, 2, "no notebook of format 4"),
        (lambda content: content.update(nbformat=3), None, "no notebook of format 4"),
        (lambda content: content.update(cells=[]), None, "no notebook of format 4"),
        (lambda content: content.update(cells=None), None, "no notebook of format 4"),
    ],
)
def test_notebook_is_refused(tmp_path, change, cell, says):
    """A notebook of another shape is refused, naming the cell where one is at fault."""
    path = edited(notebooks.write(tmp_path, "1"), change)
    with pytest.raises(NewsletterError, match=says) as caught:
        load(path)
    assert caught.value.data.get("cell") == cell


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"nbformat": 1e999}']
)
def test_file_is_refused(tmp_path, content):
    """A file that holds no notebook is refused with its name, whatever it holds."""
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content)
    with pytest.raises(NewsletterError, match=r"broken\.ipynb"):
        load(path)


@pytest.mark.parametrize("name", ["Untitled", "wind solar", "a-b", "1st", "x" * 51, "ü"])
def test_name_is_refused(tmp_path, name):
    """A file name that can't name a folder, a list and a choice of subscribers is refused."""
    assert "name can't be a newsletter's" in refusal(tmp_path, name=name).what


def test_catalogue_reports_the_broken_and_keeps_the_rest(tmp_path):
    """One broken notebook hides no other; hidden files, checkpoints and subfolders don't count."""
    for name in ("solar", "load", "a_first", ".hidden", "load-checkpoint"):
        notebooks.write(tmp_path, name=name)
    for folder in (".ipynb_checkpoints", "drafts"):
        (tmp_path / folder).mkdir()
        notebooks.write(tmp_path / folder, name="other")
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "gone.ipynb").symlink_to(tmp_path / "nowhere")
    found = catalogue(tmp_path)
    assert [newsletter.name for newsletter in found.newsletters] == ["a_first", "load", "solar"]
    assert [error.data["path"].name for error in found.broken] == ["broken.ipynb", "gone.ipynb"]


def test_catalogue_of_no_folder(tmp_path):
    """A folder that is not there is an error that names the setting."""
    with pytest.raises(NewsletterError, match="GRIDLETTER_NOTEBOOKS"):
        catalogue(tmp_path / "nowhere")


def test_import_is_cheap():
    """Reading notebooks needs neither pandas nor Jupyter nor Prefect."""
    heavy = ("pandas", "nbformat", "papermill", "prefect", "zmq", "matplotlib")
    code = f"import sys, flows.notebook; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

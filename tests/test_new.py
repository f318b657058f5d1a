"""A new newsletter runs as it is written, on a document of its kind, whatever that is."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from typer.testing import CliRunner

import cells
from flows.cli import app
from flows.document import DOCUMENT_TYPES, read
from flows.errors import NewsletterError
from flows.notebook import newsletter as newsletters
from flows.starter import make
from flows.starter.forms import FORMS
from flows.starter.sample import write

# One of each kind of document: bundled or not, by type, price, border, unit, year, week, way.
DISTINCT = ("A11", "A44", "A65", "A68", "A69", "A72", "A73", "A75", "A78", "A80", "A84", "A85")
LABEL = "<!-- Synthetic sample written by the Gridletter project; not ENTSO-E data -->"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of notebooks that is empty but for the bundled samples."""
    folder = tmp_path / "notebooks"
    shutil.copytree(cells.SAMPLES, folder / "samples")
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder))
    monkeypatch.setattr(cells, "NOTEBOOKS", folder)
    return folder


def new(folder, document_type, name="fresh", process_type=None, title=None):
    """Make a newsletter; return what was written."""
    return make(folder, name, document_type=document_type, process_type=process_type, title=title)


@pytest.mark.parametrize("document_type", FORMS)
def test_a_new_newsletter_listens_to_its_sample(folder, document_type):
    """For each type, the notebook is a newsletter, and its sample one document of that type."""
    (notebook, *_) = new(folder, document_type)
    letter = newsletters.load(notebook)
    (document,) = read(letter.sample.read_bytes())
    assert letter.listens_to(document)
    assert document.document_type == document_type
    # What is written for a type of which a sample is bundled is such a document as well.
    form = FORMS[document_type]
    (written,) = read(write(form, document_type, form.process_type))
    assert written.frame["value"].notna().all()
    assert bool(written.outages) is (form.template == "outages")


@pytest.mark.parametrize("document_type", DISTINCT)
def test_a_new_notebook_runs(folder, document_type):
    """It shows a headline under 80 characters, figures, a chart with alt text and a table."""
    new(folder, document_type)
    shown = cells.run("fresh")
    assert 0 < len(shown.headline.text) <= 80
    assert shown.headline.lede
    assert shown.kpis
    (chart,) = shown.figures
    assert len(chart.alt) > 20
    assert all(shown.tables.values())


def test_the_known_types_have_names():
    """What can be begun with is a document type that people know by a name."""
    assert FORMS.keys() <= DOCUMENT_TYPES.keys()
    # Those that the bundled newsletters are about are among them.
    assert {"A44", "A65", "A69", "A75", "A77", "A80"} <= FORMS.keys()


def test_a_bundled_sample_is_taken_where_there_is_one(folder):
    """The notebook is all that is written, and its sample is of the stage that was asked for."""
    assert new(folder, "A65", process_type="A16") == (folder / "fresh.ipynb",)
    letter = newsletters.load(folder / "fresh.ipynb")
    assert letter.sample.name == "load_DE_LU_actual.xml"
    assert (letter.document_types, letter.process_types) == (("A65",), ("A16",))


@pytest.mark.parametrize("stage", ["A01", "A40"])
def test_a_sample_is_written_where_none_is(folder, stage):
    """It is labelled synthetic, of the stage that was asked for, and serves the next newsletter."""
    written = new(folder, "A71", process_type=stage)
    sample = folder / "samples" / "fresh_DE_LU.xml"
    assert written == (folder / "fresh.ipynb", sample)
    assert sample.read_text(encoding="utf-8").splitlines()[1] == LABEL
    (document,) = read(sample.read_bytes())
    assert (document.document_type, document.process_type) == ("A71", stage)
    assert sample.read_text(encoding="utf-8") == write(FORMS["A71"], "A71", stage)
    # The next one finds it.
    assert new(folder, "A71", "other", stage) == (folder / "other.ipynb",)


def test_titles_are_text_whatever_they_say(folder):
    """What YAML would read otherwise stays as it was typed; without a title the type gives one."""
    title = "On: north & south — #1 'quoted' $5"
    new(folder, "A44", title=title)
    assert newsletters.load(folder / "fresh.ipynb").title == title
    new(folder, "A44", "plain")
    assert newsletters.load(folder / "plain.ipynb").title == "Prices"
    source = json.loads((folder / "plain.ipynb").read_text(encoding="utf-8"))["cells"][0]["source"]
    header = yaml.safe_load("".join(source).strip("-\n"))
    assert list(header) == ["title", "description", "listens_to", "sample"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "Big Name"}, "its name can't be a newsletter's"),
        ({"name": "../up"}, "is no name"),
        ({"document_type": "A95"}, "can't begin with documents of type 'A95'"),
        ({"process_type": "day-ahead"}, "'day-ahead' is no process type"),
        ({"title": "two\nlines"}, "title: must be one line"),
    ],
    ids=["name", "path", "document type", "process type", "title"],
)
def test_what_can_not_be_made_is_refused_and_leaves_nothing(folder, arguments, says):
    """The error says what is wrong; neither notebook nor sample is left."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(NewsletterError, match=says):
        new(folder, **{"document_type": "A71", **arguments})
    assert sorted(folder.rglob("*")) == before


def test_nothing_is_written_over(folder):
    """A notebook, and a sample under the name that one would get, stay as they are."""
    new(folder, "A44")
    notebook = (folder / "fresh.ipynb").read_bytes()
    with pytest.raises(NewsletterError, match="is there already"):
        new(folder, "A11")
    assert (folder / "fresh.ipynb").read_bytes() == notebook
    sample = folder / "samples" / "taken_DE_LU.xml"
    sample.write_text("mine", encoding="utf-8")
    with pytest.raises(NewsletterError, match=r"taken_DE_LU\.xml can't be written"):
        new(folder, "A11", "taken")
    assert sample.read_text(encoding="utf-8") == "mine"
    assert not (folder / "taken.ipynb").exists()


def test_the_command_prints_what_it_wrote(folder):
    """Paths, one a line, so that an editor can be given them."""
    arguments = ["new", "flows", "--document-type", "A11", "--title", "Flows"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert done.output.split() == [
        str(folder / "flows.ipynb"),
        str(folder / "samples" / "flows_DE_LU.xml"),
    ]


def test_notebooks_are_as_jupyterlab_saves_them(folder):
    """No outputs, no counts, one cell tagged `parameters`, the preview in the last one."""
    new(folder, "A44")
    content = json.loads((folder / "fresh.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert code[-1]["source"] == ["desk.preview()"]
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])

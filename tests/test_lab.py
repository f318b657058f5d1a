"""What `desk` adds in JupyterLab: a preview of the notebook, and documents to run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from lxml import html as lxml_html

import archive_examples as examples
from conftest import SAMPLES
from flows import desk, settings
from flows.archive import Archive, open_store
from flows.errors import NewsletterError, StorageError
from flows.notebook import environment, session
from flows.notebook.session import Ran
from flows.preview import lab
from notebooks import write

FORECAST = (SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8")
INTRADAY = (SAMPLES / "wind_solar_DE_LU_intraday.xml").read_text(encoding="utf-8")
SHOWN = "from flows import desk\ndesk.headline(desk.process(desk.read(event_payload)))"


@pytest.fixture
def displayed(monkeypatch):
    """What this process shows, as a kernel would publish it."""
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell.instance(), "display_pub", publisher)
    return publisher.outputs


def texts(fragment):
    """Return the texts of a preview: of each frame by its title, and of what is around them."""
    root = lxml_html.fromstring(fragment)
    frames = {frame.get("title"): frame.get("srcdoc") for frame in root.iter("iframe")}
    return {"": root.text_content(), **frames}


# --- preview -------------------------------------------------------------------------------------


def test_in_the_flow_a_preview_is_nothing(monkeypatch, displayed):
    """A notebook that a flow runs shows nothing by it, and loads none of what it would take."""
    monkeypatch.setenv(environment.NOTEBOOK_FILE, "example.ipynb")
    monkeypatch.setattr(desk, "_lab", lambda: pytest.fail("it was loaded"))
    desk.preview()
    assert displayed == []


def test_in_jupyterlab_a_preview_shows_the_mail(monkeypatch, displayed, tmp_path):
    """The notebook that Jupyter's server names is shown with the parameters' present values."""
    path = write(tmp_path, SHOWN)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    monkeypatch.setitem(InteractiveShell.instance().user_ns, "event_payload", INTRADAY)
    desk.preview()
    (output,) = displayed
    assert "Intraday · Germany–Luxembourg" in texts(output["data"]["text/html"])[""]


def test_a_default_that_only_jupyterlab_knows_is_not_run_again(tmp_path):
    """A document out of the archive as a parameter's default does not keep the preview away."""
    parameters = 'event_payload: str = desk.documents(zone="DE_LU", type="A69")[0]'
    path = write(tmp_path, SHOWN, parameters=parameters)
    shown = texts(lab.preview(path, {"event_payload": FORECAST}))
    assert "Day-ahead" in shown["Mail, 640 px, light"]


def test_what_fails_is_said_in_place_of_the_mail(tmp_path):
    """The cell, its source and what to do; and where the parameters' cell was not run, that."""
    path = write(tmp_path, "1 / 0")
    said = texts(lab.preview(path, {"event_payload": FORECAST}))[""]
    for part in ("cell 3", "ZeroDivisionError", "1 / 0", "Open the notebook"):
        assert part in said
    assert "Run the cell tagged `parameters`" in texts(lab.preview(path, {}))[""]
    path.write_text("{}", encoding="utf-8")
    assert "no notebook of format 4" in texts(lab.preview(path, {}))[""]


def test_a_cell_counts_as_it_ran_or_as_it_was_saved_whichever_is_later(tmp_path):
    """Edits that ran are seen before they are saved; a cell that is not in the file is counted."""
    path = write(tmp_path, "first = 1", "second = 2")
    os.utime(path, (1000, 1000))
    ran = {
        "cell-2": Ran("first = 'newer'", 1001),
        "cell-3": Ran("second = 'older'", 999),
        "deleted": Ran("3", 999),
        "added": Ran("4", 1001),
    }
    found = session.cells(path, ran)
    sources = {cell["id"]: "".join(cell["source"]) for cell in json.loads(found.text)["cells"]}
    assert sources["cell-2"] == "first = 'newer'"
    assert sources["cell-3"] == "second = 2"
    assert found.unsaved == 1


def test_cells_are_noted_as_they_run(monkeypatch):
    """IPython's own word counts, also for the cell in which watching begins."""
    noted = {}
    monkeypatch.setattr(session, "_RAN", noted)
    shell = InteractiveShell.instance()
    shell.run_cell("from flows.notebook import session; session.watch()", cell_id="a")
    try:
        shell.run_cell("1 + 1", cell_id="b")
        shell.run_cell("2 + 2")
    finally:
        shell.events.unregister("post_run_cell", session._note)
    assert {name: ran.source.partition(" ")[0] for name, ran in noted.items()} == {
        "a": "from",
        "b": "1",
    }


# --- documents -----------------------------------------------------------------------------------


@pytest.fixture
def archive():
    """An archive with five days of three newsletters, two about the same documents."""
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    for day in range(5):
        for name in ("wind_solar", "sun"):
            made = examples.issue(name, day=day, key=f"A69 DE_LU {day}", by=str(day))
            examples.put(archive, made)
    examples.put(archive, examples.issue(day=3, revision=2, key="A69 DE_LU 3", by="revised"))
    examples.put(archive, examples.issue("load", day=9, document_type="A65"))
    examples.put(archive, examples.issue(code="FR", day=9))
    return archive


@pytest.mark.usefixtures("archive")
def test_documents_of_a_zone_and_type_come_newest_first():
    """By period, then by revision, each once, by the zone's code or its EIC."""
    found = desk.documents(zone="DE_LU", type="A69")
    assert list(found) == [f"<x>{by}</x>" for by in ("4", "revised", "3", "2", "1", "0")]
    assert found[1] == "<x>revised</x>"
    assert list(found[-2:]) == ["<x>1</x>", "<x>0</x>"]
    assert list(desk.documents("10Y1001A1001A82H", "A69")) == list(found)
    assert len(desk.documents("DE_LU", "A65")) == 1
    assert len(desk.documents("PT", "A69")) == 0


@pytest.mark.usefixtures("archive")
def test_documents_are_a_table_in_jupyterlab():
    """Each row has the number that its document is got by; text from documents stays text."""
    found = desk.documents("DE_LU", "A69")
    rows = lxml_html.fromstring(found._repr_html_()).findall(".//tr")
    assert [row[0].text_content() for row in rows[1:]] == ["0", "1", "2", "3", "4", "5"]
    assert repr(found).count("\n") == 5
    assert "no documents" in desk.documents("PT", "A69")._repr_html_()


def test_without_an_archive_it_is_said_and_none_is_made(home):
    """The error names the place and the settings that change it."""
    with pytest.raises(StorageError, match=r"no archive at .*GRIDLETTER_ARCHIVE"):
        desk.documents("DE_LU", "A69")
    assert not home.exists()


def test_a_flow_has_no_history(monkeypatch):
    """What is meant for JupyterLab fails in a flow with what to do, before a reader sees it."""
    monkeypatch.setenv(environment.NOTEBOOK_FILE, "example.ipynb")
    with pytest.raises(NewsletterError, match=r"Put desk\.sample\(\) back"):
        desk.documents("DE_LU", "A69")


def test_the_desk_itself_brings_nothing_of_pages_and_mails():
    """Importing `flows.desk` loads neither the preview nor the archive: notebooks start at once."""
    code = "import sys, flows.desk; print([m for m in sys.modules if m.startswith('flows.')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "flows.notebook.session" in loaded
    assert "flows.preview" not in loaded
    assert "flows.archive" not in loaded

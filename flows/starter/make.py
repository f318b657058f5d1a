"""Writes a newsletter's notebook from a template, and its sample where none is there."""

from __future__ import annotations

import json
from string import Template
from typing import TYPE_CHECKING, Final

import yaml

from flows import document as documents
from flows.document import DOCUMENT_TYPES, PROCESS_TYPES
from flows.errors import DocumentError, NewsletterError
from flows.notebook import newsletter as newsletters
from flows.starter import sample
from flows.starter.forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.starter.forms import Form

_SAMPLES: Final = "samples"
_ROWS: Final = "rows = document.frame\n"
_ZONE_CODE: Final = "DE_LU"
_DESCRIPTIONS: Final = {
    "by_type": "Which production type leads, and how much each of them brings.",
    "series": "The highest, the lowest, and hour by hour.",
    "outages": "What is left of a unit, step by step, and until when.",
}


def make(
    folder: Path, name: str, *, document_type: str, process_type: str | None, title: str | None
) -> tuple[Path, ...]:
    """Write the notebook `name` into `folder`; return what was written: it, then its sample if any.

    Args:
        folder: The newsletters' notebooks.
        name: The newsletter's name.
        document_type: What it listens to; one of `FORMS`.
        process_type: At which stage; None for all.
        title: The newsletter's title; None for the name of the document type.

    Raises:
        NewsletterError: there is one of this name, name or title can't be one, a code is unknown,
            or nothing is known of how documents of this type look.
    """
    notebook = folder / f"{name}.ipynb"
    form = _form(document_type, notebook)
    if notebook.parent != folder:
        raise _refused(f"{name!r} is no name", "Name a newsletter, not a path.", notebook)
    if notebook.exists():
        raise _refused(f"{notebook.name} is there already", "Choose another name.", notebook)
    if process_type not in {None, *PROCESS_TYPES}:
        known = ", ".join(PROCESS_TYPES)
        raise _refused(f"{process_type!r} is no process type", f"Name one of {known}.", notebook)
    stage = form.process_type if process_type is None else process_type
    written: list[Path] = []
    bundled = _bundled(folder, document_type, process_type)
    if bundled is None:
        bundled = folder / _SAMPLES / f"{name}_{_ZONE_CODE}.xml"
        written.append(bundled)
    text = _notebook(form, name, document_type, process_type, title, bundled.name)
    try:
        if written:
            bundled.parent.mkdir(exist_ok=True)
            _write_new(bundled, sample.write(form, document_type, stage))
        _write_new(notebook, text)
        written.insert(0, notebook)
        newsletters.load(notebook)
    except OSError as error:
        raise _refused(
            f"{error.filename} can't be written: {error.strerror}",
            "Choose another name, or see to the folder of notebooks.",
            notebook,
        ) from error
    except NewsletterError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return tuple(written)


def _refused(what: str, remedy: str, notebook: Path) -> NewsletterError:
    return NewsletterError(what, remedy=remedy, path=notebook)


def _form(document_type: str, notebook: Path) -> Form:
    form = FORMS.get(document_type)
    if form is None:
        what = f"a newsletter can't begin with documents of type {document_type!r}"
        raise _refused(what, f"Name one of {', '.join(FORMS)}.", notebook)
    return form


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _bundled(folder: Path, document_type: str, process_type: str | None) -> Path | None:
    """Return the first of the samples in the folder that is such a document."""
    for path, document in _samples(folder / _SAMPLES):
        if document.document_type == document_type and process_type in {
            None,
            document.process_type,
        }:
            return path
    return None


def _samples(folder: Path) -> Iterator[tuple[Path, documents.MarketDocument]]:
    for path in sorted(folder.glob("*.xml")):
        try:
            read = documents.read(path.read_bytes())
        except (DocumentError, OSError):  # somebody else's business
            continue
        if isinstance(read, tuple) and len(read) == 1:
            yield path, read[0]


def _notebook(
    form: Form,
    name: str,
    document_type: str,
    process_type: str | None,
    title: str | None,
    sample_name: str,
) -> str:
    """Return the notebook's file: the form's template with what is this newsletter's own."""
    path = sample.TEMPLATES / f"{form.template}.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    about = DOCUMENT_TYPES[document_type]
    title = title or about
    header = _header(title, form, document_type, process_type, sample_name)
    words = {
        "title": title,
        "document_type": document_type,
        "document_name": about.lower() if about[1:].islower() else about,
        "file": f"notebooks/{name}.ipynb",
    }
    for cell in content["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "raw":
            source = header
        elif cell["cell_type"] == "markdown":
            source = Template(source).substitute(words)
        else:
            source = source.replace(_ROWS, f"rows = {form.rows}\n")
        cell["source"] = source.splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _header(
    title: str, form: Form, document_type: str, process_type: str | None, sample_name: str
) -> str:
    stage = {"process_type": process_type} if process_type else {}
    header = {
        "title": title,
        "description": _DESCRIPTIONS[form.template],
        "listens_to": {"document_type": document_type, **stage, "zones": "all"},
        "sample": f"{_SAMPLES}/{sample_name}",
    }
    text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---"

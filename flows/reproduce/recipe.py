"""An archived issue as what can be run: the notebook as it was written, and what it was given."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flows.errors import StorageError
from flows.issue import DOCUMENT_FILE, NOTEBOOK_FILE, slug
from flows.notebook import header, newsletter
from flows.reproduce.source import other_document

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue

    from flows.notebook.newsletter import Newsletter
    from flows.reproduce.source import Archived, Source

_INJECTED = "injected-parameters"  # papermill's tag


def write(archived: Archived, folder: Path) -> Newsletter:
    """Write the notebook into `folder` as it was before it ran, and load it as a newsletter.

    Its sample is the issue's own document: whatever a notebook shows without a flow, it runs here.

    Raises:
        NewsletterError: the notebook is no newsletter (any more).
        StorageError: it is no notebook at all.
    """
    try:
        notebook = json.loads(archived.files[NOTEBOOK_FILE])
        cells = [cell for cell in notebook["cells"] if not _is_injected(cell)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{archived.issue.path}/{NOTEBOOK_FILE} is no notebook",
            remedy="Bring it back from a copy of the archive.",
            path=f"{archived.issue.path}/{NOTEBOOK_FILE}",
        ) from error
    for cell in cells:
        if cell.get("cell_type") == "code":
            cell |= {"outputs": [], "execution_count": None}
    path = folder / f"{slug(archived.issue.newsletter)}.ipynb"
    path.write_text(json.dumps(notebook | {"cells": cells}), encoding="utf-8")
    _write_sample(cells, archived.files[DOCUMENT_FILE], folder)
    return newsletter.load(path)


def parameters(archived: Archived, source: Source) -> dict[str, JsonValue]:
    """Return what the notebook was given, the documents in place of their references.

    Raises:
        StorageError: another issue's document is gone, or not what was written.
    """
    issue = archived.issue
    found: dict[str, JsonValue] = {}
    for name, value in issue.parameters.items():
        if isinstance(value, dict) and value.get("file") == DOCUMENT_FILE:
            other = value.get("issue")
            if other is None:
                found[name] = archived.files[DOCUMENT_FILE].decode()
            else:
                found[name] = other_document(source, issue, str(other), DOCUMENT_FILE)
        else:
            found[name] = value
    return found


def _is_injected(cell: dict[str, Any]) -> bool:
    return _INJECTED in cell.get("metadata", {}).get("tags", ())


def _write_sample(cells: list[dict[str, Any]], document: bytes, folder: Path) -> None:
    """Write the document where the header says that the sample is, if that is in `folder`.

    A header that names no such place is refused when the newsletter is loaded.
    """
    source = cells[0].get("source", "") if cells else ""
    with suppress(ValueError, OSError):
        head = header.parse(source if isinstance(source, str) else "".join(source))
        sample = (folder / head.sample).resolve()
        if sample.is_relative_to(folder.resolve()):
            sample.parent.mkdir(parents=True, exist_ok=True)
            sample.write_bytes(document)

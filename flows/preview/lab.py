"""What `flows.desk` offers in JupyterLab beside the notebook itself: its preview, and history."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from flows import document as document_reader
from flows import settings
from flows.archive import Archive, open_store
from flows.errors import DocumentError, GridletterError
from flows.notebook import newsletter as newsletters
from flows.notebook import session
from flows.notebook.parameters import EVENT_PAYLOAD
from flows.preview import draft, frames, history

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from flows.document import MarketDocument
    from flows.notebook.newsletter import Newsletter
    from flows.preview.history import Documents

_UNSAVED: Final = (
    "Save the notebook (Ctrl+S) and run this cell again: it has cells that are not in the file yet."
)


def preview(path: Path, variables: Mapping[str, Any]) -> str:
    """Return mail and page of the notebook at `path` as HTML, or why there are none.

    The notebook is run once more, from top to bottom and in a process of its own, as the flow does
    it: what only this kernel knows does not count, but for the parameters, which have the values
    that they have here.

    Args:
        path: The notebook's file. Cells that ran since it was saved count as they ran.
        variables: The kernel's.
    """
    note = ""
    try:
        newsletter = newsletters.load(path)
        cells = session.cells(path)
        note = _UNSAVED if cells.unsaved else ""
        given = {name: variables[name] for name in newsletter.declared if name in variables}
        shown = replace(newsletter, text=_without_defaults(cells.text, newsletter, given))
        made = draft.make(shown, _document(given), settings.load(), given=given)
    except GridletterError as error:
        return frames.fragment(frames.Fault.of(error), note=note)
    return frames.fragment(made, note=note)


def documents(zone: str, document_type: str) -> Documents:
    """Return the archived documents of a type about a zone (code or EIC), newest first.

    Raises:
        StorageError: there is no archive, or it can't be read.
    """
    options = settings.load()
    history.check(options)
    archive = Archive(open_store(options.archive_address), options.archive_url)
    return history.documents(archive, document_reader.zone(zone).code, document_type)


def _without_defaults(text: str, newsletter: Newsletter, given: Mapping[str, JsonValue]) -> str:
    """Return the notebook's text without the parameters' defaults, where each has a value.

    A default may be what only JupyterLab can give, such as a document out of the archive.
    """
    if given.keys() != newsletter.declared:
        return text
    content = json.loads(text)
    for cell in content["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            cell["source"] = "\n".join(f"{name} = None" for name in sorted(given))
    return json.dumps(content)


def _document(given: Mapping[str, JsonValue]) -> MarketDocument:
    payload = given.get(EVENT_PAYLOAD)
    read = document_reader.read(payload) if isinstance(payload, str) else ()
    if not isinstance(read, tuple) or len(read) != 1:
        raise DocumentError(
            "event_payload is not one market document of one bidding zone",
            remedy="Run the cell tagged `parameters`, then this one again.",
        )
    return read[0]

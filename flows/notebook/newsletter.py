"""A notebook as a newsletter: which documents it listens to, what it takes, and what it is called.

Nothing is executed here, and neither pandas nor Jupyter is imported: reading a folder of notebooks
costs milliseconds. `header` and `parameters` say what the first cell and the parameters cell hold.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NoReturn

from pydantic import BaseModel, Field, JsonValue, ValidationError

from flows.errors import NewsletterError, one_line
from flows.notebook import header, parameters
from flows.notebook.parameters import EVENT_PAYLOAD, KNOWN_PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flows.document import MarketDocument

__all__ = ["KNOWN_PARAMETERS", "Catalogue", "Newsletter", "catalogue", "load"]

_LARGEST_BYTES = 32_000_000
# It names a folder of the archive, a mailing list and a subscriber's choice.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


@dataclass(frozen=True)
class Newsletter:
    """One notebook's contract: what its header and its parameters cell say."""

    name: str
    """The notebook's file name without `.ipynb`."""
    path: Path
    title: str
    description: str
    document_types: tuple[str, ...]
    process_types: tuple[str, ...]
    """Empty for all."""
    zones: tuple[str, ...]
    """Codes or EICs; empty for all."""
    needs: frozenset[str]
    """Which of `KNOWN_PARAMETERS` the flow should look up, beside the event itself."""
    sample: Path
    """The document that the notebook shows in JupyterLab; absolute."""
    parameters: Mapping[str, JsonValue]
    """The analyst's own values, injected as they stand."""
    declared: frozenset[str]
    """Every name that the parameters cell assigns."""
    source_hash: str
    """SHA-256 of the cells as written (type, tags, source), whatever their outputs; hexadecimal."""
    text: str = field(repr=False)
    """The notebook's file as it was read, so that what runs is what was checked and hashed."""

    def listens_to(self, document: MarketDocument) -> bool:
        """Say whether this newsletter is about `document`; either zone of a border counts."""
        zones = {
            name
            for zone in (document.zone, document.counter_zone)
            if zone is not None
            for name in (zone.code, zone.eic)
        }
        return (
            document.document_type in self.document_types
            and (not self.process_types or document.process_type in self.process_types)
            and (not self.zones or not zones.isdisjoint(self.zones))
        )

    def wants(self, name: str) -> bool:
        """Say whether the flow should look up and inject the known parameter `name`."""
        return name in self.declared and (name == EVENT_PAYLOAD or name in self.needs)


@dataclass(frozen=True)
class Catalogue:
    """The newsletters of a folder, and what is wrong with the notebooks that are none."""

    newsletters: tuple[Newsletter, ...]
    broken: tuple[NewsletterError, ...]


def catalogue(folder: Path) -> Catalogue:
    """Return the newsletters among the notebooks directly in `folder`, by name.

    Hidden files and JupyterLab's checkpoints are passed over. A broken notebook is reported and
    hides no other.

    Raises:
        NewsletterError: `folder` can't be listed.
    """
    newsletters, broken = [], []
    for path in notebooks_in(folder):
        try:
            newsletters.append(load(path))
        except NewsletterError as error:
            broken.append(error)
    return Catalogue(tuple(newsletters), tuple(broken))


def notebooks_in(folder: Path) -> list[Path]:
    """Return the notebooks directly in `folder`, by name; not hidden ones and checkpoints.

    Raises:
        NewsletterError: `folder` can't be listed.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".ipynb")
    except OSError as error:
        what = f"the folder of notebooks {folder} can't be listed: {error.strerror}"
        remedy = "Set GRIDLETTER_NOTEBOOKS to the folder that holds the notebooks."
        raise NewsletterError(what, remedy=remedy, path=folder) from error
    return [p for p in paths if not p.name.startswith(".") and not p.stem.endswith("-checkpoint")]


class _Metadata(BaseModel):
    tags: tuple[str, ...] = ()


class _Cell(BaseModel):
    cell_type: Literal["raw", "markdown", "code"]
    metadata: _Metadata
    source: str | list[str]

    @property
    def text(self) -> str:
        return self.source if isinstance(self.source, str) else "".join(self.source)


class _Notebook(BaseModel):
    nbformat: Literal[4]
    cells: tuple[_Cell, ...] = Field(min_length=1)


def load(path: Path) -> Newsletter:
    """Return the newsletter that the notebook at `path` is.

    Raises:
        NewsletterError: it is none, and why; `data` has `path` and, where one is at fault, `cell`.
    """
    path = path.absolute()
    if not _NAME.fullmatch(path.stem):
        _refuse(
            path,
            None,
            "its name can't be a newsletter's",
            "Use small letters, digits and _, a letter first, at most 50 characters.",
        )
    text, cells = _read(path)
    if cells[0].cell_type != "raw":
        _refuse(path, 0, "there is no header", "Make the first cell a raw cell with the header.")
    try:
        head = header.parse(cells[0].text)
    except ValueError as error:
        _refuse(
            path, 0, f"the header can't be used, {error}", "`gridletter new` writes a valid one."
        )
    sample = _sample(path, head.sample)
    return Newsletter(
        name=path.stem,
        path=path,
        title=head.title,
        description=head.description or "",
        document_types=head.listens_to.document_type,
        process_types=head.listens_to.process_type,
        zones=head.listens_to.zones,
        needs=frozenset(head.needs),
        sample=sample,
        parameters=head.parameters,
        declared=_declared(path, cells, head),
        source_hash=_source_hash(cells),
        text=text,
    )


def _refuse(path: Path, cell: int | None, what: str, remedy: str) -> NoReturn:
    where = path.name if cell is None else f"{path.name}, cell {cell}"
    data = {} if cell is None else {"cell": cell}
    what = f"{where}: {one_line(what)}"
    raise NewsletterError(what, remedy=remedy, path=path, **data)


def _read(path: Path) -> tuple[str, tuple[_Cell, ...]]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
        text = content.decode()
    except OSError as error:
        _refuse(path, None, f"it can't be read: {error.strerror}", "Restore or remove the file.")
    except UnicodeDecodeError:
        _refuse(path, None, "it is no UTF-8 text", "Save it again with JupyterLab.")
    if len(content) > _LARGEST_BYTES:
        _refuse(path, None, "it is larger than 32 MB", "Clear its outputs and save it.")
    try:
        return text, _Notebook.model_validate_json(content).cells
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        _refuse(
            path,
            next((step for step in first["loc"] if isinstance(step, int)), None),
            f"it is no notebook of format 4: {first['msg']} {where and 'at ' + where}",
            "Save it again with JupyterLab.",
        )


def _sample(path: Path, written: str) -> Path:
    folder = path.parent.resolve()
    sample = folder / written
    try:
        sample = sample.resolve()
        usable = sample.is_relative_to(folder) and sample.is_file()
    except (OSError, RuntimeError):  # a name too long, a loop of links
        usable = False
    if not usable:
        _refuse(
            path,
            0,
            f"the sample {written!r} is no file in the notebook's folder",
            "Put a market document there; the notebook shows it in JupyterLab.",
        )
    return sample


def _declared(path: Path, cells: tuple[_Cell, ...], head: header.Header) -> frozenset[str]:
    tagged = [index for index, cell in enumerate(cells) if "parameters" in cell.metadata.tags]
    if len(tagged) != 1 or cells[tagged[0]].cell_type != "code":
        _refuse(
            path,
            tagged[1] if tagged[1:] else None,
            f"{len(tagged)} cells are tagged `parameters`, where one code cell must be",
            "Tag the one code cell that assigns the parameters' defaults.",
        )
    at = tagged[0]
    for index, cell in enumerate(cells):
        if "injected-parameters" in cell.metadata.tags:
            _refuse(path, index, "papermill has injected this cell", "Delete this cell.")
    try:
        names = parameters.declared(cells[at].text)
    except ValueError as error:
        _refuse(
            path, at, f"the parameters can't be used, {error}", "Do anything else in a cell below."
        )
    expected = {EVENT_PAYLOAD, *head.needs, *head.parameters}
    if missing := [name for name in sorted(expected) if name not in names]:
        _refuse(path, at, f"it does not assign {', '.join(missing)}", "Add it with a default.")
    if unknown := [name for name in names if name not in {*KNOWN_PARAMETERS, *head.parameters}]:
        _refuse(
            path,
            at,
            f"nothing will set {', '.join(unknown)}",
            "Name it under `parameters` in the header, or assign it in another cell.",
        )
    return frozenset(names)


def _source_hash(cells: tuple[_Cell, ...]) -> str:
    written = [[cell.cell_type, sorted(cell.metadata.tags), cell.text] for cell in cells]
    return hashlib.sha256(json.dumps(written).encode()).hexdigest()

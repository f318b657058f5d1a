"""Run archived issues again without a network, and say whether the same comes out."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nbformat

from flows import document
from flows import issue as issues
from flows.errors import DocumentError, GridletterError, NewsletterError, RenderError
from flows.issue import ARTICLE_FILE, DOCUMENT_FILE, NOTEBOOK_FILE, compare, content, identity
from flows.notebook import newsletter as newsletters
from flows.reproduce import recipe, source
from flows.reproduce.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flows.archive.store import Store
    from flows.document import MarketDocument
    from flows.issue import Issue
    from flows.issue.compare import Difference
    from flows.notebook.limits import Limits
    from flows.notebook.newsletter import Newsletter
    from flows.reproduce.source import Archived, Source

MOST_DIFFERENCES: Final = 200
NONE: Final = "(none)"


@dataclass(frozen=True)
class OtherVersion:
    """What has another version than it had: a package, `notebook` or `templates` by its hash."""

    name: str
    archived: str
    now: str


@dataclass(frozen=True)
class Report:
    """What came of reproducing an issue.

    It is `equal` where it ran and nothing differs. `damaged` files and a `failure` come before any
    comparison. `versions` are those that differ, equal or not. `offline` says how the network was
    kept away.
    """

    name: str
    path: str = ""
    headline: str = ""
    damaged: tuple[str, ...] = ()
    failure: str = ""
    differences: tuple[Difference, ...] = ()
    versions: tuple[OtherVersion, ...] = ()
    offline: str = ""

    @property
    def equal(self) -> bool:
        """Whether the same came out again."""
        return not (self.damaged or self.failure or self.differences)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {"equal": self.equal, **asdict(self)}


def reproduce(
    names: Iterable[str], *, store: Callable[[], Store], notebooks: Path, limits: Limits
) -> Iterator[Report]:
    """Yield for each issue what came of running its archived notebook again.

    The notebook runs as it was archived, with the parameters that it was given, by the libraries of
    this environment, without a network. It is code: whoever wrote it has what this user may read.

    Args:
        names: Folders, addresses or ids; see `source.find`.
        store: Opens the archive in which ids are looked up.
        notebooks: The folder of today's newsletters, of which a changed one is named.
        limits: What a run may take.
    """
    with Worker(limits) as worker:
        for name in names:
            try:
                yield _reproduce(name, store, notebooks, worker)
            except GridletterError as error:
                yield Report(name, failure=str(error), offline=worker.offline)


def _reproduce(name: str, store: Callable[[], Store], notebooks: Path, worker: Worker) -> Report:
    place = source.find(name, store)
    archived = source.load(place)
    issue = archived.issue
    report = Report(name, issue.path, issue.headline, archived.damaged)
    if archived.damaged:
        return report
    with tempfile.TemporaryDirectory(prefix="gridletter-") as folder:
        try:
            differences = tuple(_differences(archived, place, Path(folder), worker))
            failure = ""
        except GridletterError as error:
            differences, failure = (), str(error)
    return replace(
        report,
        failure=failure,
        differences=differences[:MOST_DIFFERENCES],
        versions=other_versions(issue, notebooks),
        offline=worker.offline,
    )


def _differences(
    archived: Archived, place: Source, folder: Path, worker: Worker
) -> Iterator[Difference]:
    issue = archived.issue
    letter = recipe.write(archived, folder)
    of = _document(archived, letter)
    notebook = worker.run(letter.path, recipe.parameters(archived, place))
    before = nbformat.reads(  # type: ignore[no-untyped-call]
        archived.files[NOTEBOOK_FILE].decode(), as_version=4
    )
    _, rendering = issues.render(
        letter,
        of,
        notebook,
        issue.parameters,
        page_url=lambda path: f"{path}/index.html",
        published=issue.published,
    )
    found = list(compare.contents(content.read(before, issue.issue_id), rendering.content))
    yield from found
    if not found:
        yield from compare.articles(archived.files[ARTICLE_FILE].decode(), rendering.article_html)


def _document(archived: Archived, letter: Newsletter) -> MarketDocument:
    """Return the issue's document; the issue's id has to follow from it and the newsletter."""
    documents = document.read(archived.files[DOCUMENT_FILE])
    if not isinstance(documents, tuple) or len(documents) != 1:
        raise DocumentError(
            f"{DOCUMENT_FILE} is not one market document",
            remedy="Bring the issue back from a copy of the archive.",
        )
    if issues.issue_id(letter.name, documents[0]) != archived.issue.issue_id:
        raise RenderError(
            "the issue's id does not follow from its newsletter and document",
            remedy="Bring the issue back from a copy of the archive.",
        )
    return documents[0]


def other_versions(issue: Issue, notebooks: Path) -> tuple[OtherVersion, ...]:
    """Return which versions of what `issue` depends on are other ones than today's."""
    now = identity.versions("")
    try:
        today = newsletters.load(notebooks / f"{issues.slug(issue.newsletter)}.ipynb")
        now["notebook"] = f"sha256:{today.source_hash}"
    except NewsletterError:
        now["notebook"] = NONE
    return tuple(
        OtherVersion(name, issue.versions.get(name, NONE), now.get(name, NONE))
        for name in sorted({*issue.versions, *now})
        if issue.versions.get(name, NONE) != now.get(name, NONE)
    )

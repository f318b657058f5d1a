"""A backfill by a work pool: a flow run a document, whatever became of earlier ones."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import WorkPoolStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending

import documents
from flows import backfill_pool, claims, settings
from flows.archive import Archive, open_store
from flows.backfill_plan import Entry
from flows.document import read as read_document
from flows.errors import NewsletterError, SettingsError, StorageError
from flows.notebook import newsletter
from notebooks import write

HEADLINE = "from flows import desk\ndesk.headline('Windy')"
PAGE = "https://news.example/issues/x/index.html"


@pytest.fixture
def letter(tmp_path, monkeypatch):
    """Have a newsletter in a folder of its own."""
    folder = tmp_path / "letters"
    folder.mkdir()
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder))
    write(folder, HEADLINE)
    return newsletter.load(folder / "example.ipynb")


@pytest.fixture
def entry(letter, tmp_path):
    """Plan one document for it."""
    path = tmp_path / "document.xml"
    path.write_text(documents.document(documents.series([1, 2])))
    [read] = read_document(path.read_bytes())
    return Entry(path, 0, 0, letter, read.zone.code, read.created, read.revision)


class Api:
    """Stands for Prefect's: flow runs by their keys, each of which ends as it is told to."""

    def __init__(self, *ends):
        self.ends = list(ends)
        self.runs = {}
        self.asked = []

    def create_flow_run_from_deployment(self, _deployment, *, parameters, name, idempotency_key):
        if idempotency_key not in self.runs:
            self.asked.append(parameters)
            run = SimpleNamespace(id=uuid4(), name=name, state=Pending(), end=self.ends.pop(0))
            self.runs[idempotency_key] = run
        return self.runs[idempotency_key]

    def read_flow_run(self, id_):
        [run] = [each for each in self.runs.values() if each.id == id_]
        run.state = run.end
        return run


def runs_on(api, stop=None):
    store = claims.Claims(settings.load())
    return backfill_pool._Runs(api, uuid4(), store, 0.01, stop or threading.Event())


def published(name="Published"):
    return Completed(name=name, message=PAGE)


@pytest.mark.parametrize("name", ["Published", "Duplicate", "Skipped"])
def test_what_became_of_a_document_comes_from_its_flow_run(entry, name):
    """State and page, or reason, are those that the flow run ended with."""
    api = Api(published(name))
    outcome = runs_on(api).publish(entry)
    assert outcome.state == name.lower()
    assert (outcome.reason if name == "Skipped" else outcome.page) == PAGE
    assert api.asked == [{"newsletter": "example", "event_msg": entry.document().xml}]


def test_a_crash_is_tried_again_a_failure_is_not(entry):
    """A task that is lost says nothing against its document; a notebook that failed does."""
    api = Api(Crashed(message="out of memory"), published())
    assert runs_on(api).publish(entry).state == "published"
    assert len(api.asked) == 2
    outcome = runs_on(Api(Failed(message="NotebookError: cell 3"))).publish(entry)
    assert outcome.state == "failed"
    assert "cell 3" in outcome.reason
    assert runs_on(Api(Cancelled())).publish(entry).state == "failed"


def test_what_crashes_again_and_again_is_given_up(entry):
    """After three crashes it is an error of the world, by which a backfill may end."""
    api = Api(*[Crashed(message="out of memory")] * 9)
    with pytest.raises(StorageError, match="crashed 3 times: out of memory"):
        runs_on(api).publish(entry)
    assert len(api.asked) == 3


def test_a_flow_run_that_is_under_way_is_waited_for(entry):
    """A backfill that is begun again starts no second flow run beside one of the first."""
    api, stop = Api(published()), threading.Event()
    stop.set()
    with pytest.raises(StorageError, match="under way"):
        runs_on(api, stop).publish(entry)
    assert runs_on(api).publish(entry).state == "published"
    assert len(api.asked) == 1


def test_what_failed_before_is_tried_by_the_next_backfill(entry):
    """A flow run that ended without an issue is not taken for one that is under way."""
    api = Api(Failed(message="no"), published())
    assert runs_on(api).publish(entry).state == "failed"
    assert runs_on(api).publish(entry).state == "published"


def test_a_large_document_goes_by_its_address(entry, home, monkeypatch):
    """Above what a parameter takes, it waits in the store of claims until the run has ended."""
    monkeypatch.setattr(claims, "LARGEST_INLINE_BYTES", 100)
    api = Api(published())
    assert runs_on(api).publish(entry).state == "published"
    [parameters] = api.asked
    assert parameters["event_msg"].startswith((home / "claims").as_uri())
    assert list((home / "claims").rglob("*.msg")) == []


def test_an_api_that_is_away_is_an_error_of_the_world(entry, monkeypatch):
    """The error says that the API is away, so that several in a row end the backfill."""
    api = Api(published())
    monkeypatch.setattr(
        api, "read_flow_run", lambda _: (_ for _ in ()).throw(httpx.ConnectError("no"))
    )
    with pytest.raises(StorageError, match="the Prefect API can't be used: no"):
        runs_on(api).publish(entry)


def pool(kind="process", status=WorkPoolStatus.READY, deployed="tasks"):
    """Stand for an API with a pool, and the flow deployed to it unless to None."""

    def deployment(_):
        if deployed is None:
            raise ObjectNotFound(None)
        return SimpleNamespace(id="deployment", work_pool_name=deployed)

    return SimpleNamespace(
        read_deployment_by_name=deployment,
        read_work_pool=lambda _: SimpleNamespace(type=kind, status=status),
    )


@pytest.mark.parametrize(
    ("api", "said"),
    [
        (pool(deployed=None), "deployed nowhere, not to the work pool tasks"),
        (pool(deployed="other"), "deployed to other"),
        (pool("ecs"), "the archive is a folder here"),
    ],
    ids=["not deployed", "elsewhere", "out of reach"],
)
def test_a_pool_that_can_not_do_it_is_refused(api, said):
    """Nothing begins where the flow is not on the pool or the pool can't reach the archive."""
    with pytest.raises(SettingsError, match=said):
        backfill_pool._deployment(api, "tasks", settings.load())


def test_a_pool_without_a_worker_is_named(caplog):
    """It is no error, for a worker may come; the operator learns why nothing moves."""
    api = pool(status=WorkPoolStatus.NOT_READY)
    assert backfill_pool._deployment(api, "tasks", settings.load()) == "deployment"
    assert "the work pool tasks is not ready" in caplog.text


@pytest.mark.usefixtures("prefect")
def test_the_flow_run_tells_its_outcome_by_its_state(letter, entry):
    """It makes the issue in the archive once, and its state says so; a stranger is refused."""
    from flows.backfill import backfill_event

    message = entry.document().xml
    first = backfill_event("example", message, return_state=True)
    again = backfill_event("example", message, return_state=True)
    assert [first.name, again.name] == ["Published", "Duplicate"]
    assert first.message == again.message
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    [issue] = archive.revisions("example", entry.document())
    assert archive.page_url(issue.path) == first.message
    with pytest.raises(NewsletterError, match="no newsletter other"):
        backfill_event("other", message)

"""Publishers at once, on a folder and on a bucket: nothing is lost, and nothing mixed."""

from __future__ import annotations

import os
import random

import pytest
from archive_worker import Worker, finish

import archive_examples as examples
from flows.archive import Archive, open_store, paths
from flows.archive.index import Scope

pytest_plugins = ("s3_standin",)


@pytest.fixture(autouse=True)
def _no_search(monkeypatch):
    monkeypatch.setattr("flows.archive.archive.Search", examples.NoSearch)


@pytest.fixture(params=["folder", "bucket"])
def kind(request):
    """Say where the archive is."""
    return request.param


@pytest.fixture
def address(kind, request, tmp_path):
    """Give an empty archive's address; moto's server is slow, and so gets less to do."""
    return str(tmp_path / "archive") if kind == "folder" else request.getfixturevalue("bucket")


@pytest.mark.parametrize("publishers", [2, 8])
def test_nothing_is_lost(address, kind, publishers, figures):
    """Many processes publish issues of the same series, some the same, while a rebuild runs."""
    own = 6 if kind == "folder" else 2
    shared = [("load", "FR", 50, 1), ("load", "FI", 51, 1)]
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    workers = []
    for number in range(publishers):
        issues = [("load", "FI", number + publishers * each, 1) for each in range(own)]
        random.Random(number).shuffle(issues)  # noqa: S311 - a schedule, no secret
        issues[1:1] = shared
        workers.append(Worker(address, tuple(issues), name=str(number), environment=environment))
    workers.append(Worker(address, rebuilds=True, environment=environment))
    processes = [worker.start() for worker in workers]
    assert all(map(finish, processes))
    archive = Archive(open_store(address), examples.URL)
    published = examples.contents(archive.store)
    records = [path for path in published if path.endswith("/issue.json")]
    assert len(records) == publishers * own + len(shared)
    # Of an issue that all published, the files are one publisher's.
    for each in shared:
        issue = archive.load(examples.issue(*each)[0].path)
        assert all(archive.file(issue, name) for name in issue.files)
    scope = Scope.model_validate_json(published["index/all.json"])
    assert len(scope.latest) == min(60, len(records))
    assert list(archive.store.list(paths.PENDING)) == []
    rebuilt = archive.rebuild(lambda *_: None)
    assert (rebuilt.damaged, rebuilt.removed) == ([], 0)
    assert examples.contents(archive.store) == published
    figures["publications"] += publishers * (own + len(shared))

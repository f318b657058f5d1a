"""Publishers and rebuilds that are killed, at each write and at random: the archive stays whole."""

from __future__ import annotations

import itertools
import random
import shutil

import pytest
from archive_worker import Worker, finish
from lxml import etree

import archive_examples as examples
from flows.archive import Archive, open_store, paths

BEFORE = [("load", "FI", day, 1) for day in range(3)] + [("load", "FR", 1, 1)]
UPDATE = ("load", "FI", 1, 2)
ARCHIVED = ("issue.json", "article.html", "document.xml", ".png")
LATER = ("load", "PT", 1, 1)


@pytest.fixture(autouse=True, scope="module")
def _no_search():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.archive.archive.Search", examples.NoSearch)
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An archive of some issues, which each case has a copy of."""
    folder = tmp_path_factory.mktemp("template") / "archive"
    archive = Archive(open_store(str(folder)), examples.URL)
    for each in BEFORE:
        examples.publish(archive, examples.issue(*each))
    return folder


def contents(folder):
    return examples.contents(open_store(str(folder)))


def assert_whole(folder):
    """Each page, feed and index reads to its end, and each issue that is listed is there."""
    store = open_store(str(folder))
    for path, data in examples.contents(store).items():
        if path.endswith((".xml", "index.html")) and not path.endswith("document.xml"):
            assert data.rstrip().endswith(b">"), path
            etree.fromstring(data, etree.HTMLParser() if path.endswith(".html") else None)


def test_a_publisher_killed_at_each_write(template, tmp_path, figures):
    """Each page is the old or the new one; the next publisher, of whatever, finishes the rest."""
    whole = tmp_path / "whole"
    shutil.copytree(template, whole)
    Worker(str(whole), (UPDATE,)).run()
    old, new = contents(template), contents(whole)
    Worker(str(whole), (LATER,)).run()
    wanted = contents(whole)
    for dies_at in itertools.count():
        folder = tmp_path / "killed"
        shutil.copytree(template, folder)
        ended = finish(Worker(str(folder), (UPDATE,), dies_at=dies_at).start())
        for path, data in contents(folder).items():
            assert data in {old.get(path), new.get(path)}, (dies_at, path)
        figures["kills"] += not ended
        # What was not archived comes again with its message; all else the next one makes good for.
        Worker(str(folder), (LATER,), lease_seconds=0).run()
        store = open_store(str(folder))
        if store.get(f"{examples.issue(*UPDATE)[0].path}/issue.json") is None:
            Worker(str(folder), (UPDATE,), lease_seconds=0).run()
        assert contents(folder) == wanted, dies_at
        assert list(store.list(paths.PENDING)) == [], dies_at
        shutil.rmtree(folder)
        if ended:
            break
    assert figures["kills"] > 25


def test_a_rebuild_killed_at_each_write(template, tmp_path, figures):
    """Started with all but the issues lost, each page is still lost or the new one."""
    lost = tmp_path / "lost"
    shutil.copytree(template, lost)
    store, wanted = open_store(str(lost)), contents(template)
    store.delete([path for path in wanted if not path.endswith(ARCHIVED)])
    store.put("index.html", b"<html>an older page</html>")
    store.put("days/2001-01-01/index.html", b"<html>of no issue</html>")
    old = contents(lost)
    for dies_at in itertools.count():
        folder = tmp_path / "killed"
        shutil.copytree(lost, folder)
        ended = finish(Worker(str(folder), rebuilds=True, dies_at=dies_at).start())
        for path, data in contents(folder).items():
            assert data in {old.get(path), wanted.get(path)}, (dies_at, path)
        figures["kills"] += not ended
        Worker(str(folder), rebuilds=True).run()
        assert contents(folder) == wanted, dies_at
        shutil.rmtree(folder)
        if ended:
            break
    assert figures["kills"] > 25


def test_publishers_killed_at_random(tmp_path, figures):
    """Whenever they are killed, pages are whole, and those that follow complete the archive."""
    draw = random.Random(5)  # noqa: S311 - a schedule, no secret
    issues = [
        (name, code, day, 1)
        for name in ("load", "wind_solar")
        for code in ("FI", "FR")
        for day in range(15)
    ]
    folder = tmp_path / "archive"
    waiting = list(issues)
    while waiting:
        process = Worker(str(folder), tuple(waiting), lease_seconds=0).start()
        # Growing, so that one comes to the end at last.
        process.join(draw.uniform(0.03, 0.15 * (1 + figures["kills"] / 10)))
        if process.exitcode is None:
            process.kill()
            figures["kills"] += 1
        process.join()
        assert_whole(folder)
        store = open_store(str(folder))
        done = [
            each
            for each in waiting
            if store.get(f"{examples.issue(*each)[0].path}/issue.json") is not None
        ]
        # The last one that is archived may have been killed before its pages: others see to that.
        waiting = waiting[len(done) :]
    Worker(str(folder), (LATER,), lease_seconds=0).run()
    published = contents(folder)
    Worker(str(folder), rebuilds=True).run()
    assert contents(folder) == published
    assert len([path for path in published if path.endswith("/issue.json")]) == len(issues) + 1
    assert figures["kills"] > 3


def test_rebuilds_killed_at_random(template, tmp_path, figures):
    """However often a rebuild is killed, the next one gives what publishing gave."""
    draw = random.Random(6)  # noqa: S311 - a schedule, no secret
    folder, wanted = tmp_path / "archive", contents(template)
    shutil.copytree(template, folder)
    store = open_store(str(folder))
    for _ in range(15):
        store.delete([path for path in contents(folder) if not path.endswith(ARCHIVED)])
        process = Worker(str(folder), rebuilds=True).start()
        process.join(draw.uniform(0.02, 0.2))
        figures["kills"] += process.exitcode is None
        process.kill()
        process.join()
        assert_whole(folder)
    Worker(str(folder), rebuilds=True).run()
    assert contents(folder) == wanted

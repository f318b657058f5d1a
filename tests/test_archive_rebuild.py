"""A rebuild makes everything derived anew from the issues, and says what is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

import archive_examples as examples
from flows.archive import Archive, open_store, paths
from flows.archive.pending import Mark

DERIVED = ("index", "newsletters", "zones", "months", "days", "sitemaps")


@pytest.fixture
def archive(tmp_path):
    """An archive of some issues, one of them updated, another one corrected."""
    archive = Archive(open_store(str(tmp_path / "archive")), examples.URL)
    for day in range(4):
        for code in ("FI", "FR"):
            examples.publish(archive, examples.issue("load", code, day))
    examples.publish(archive, examples.issue("load", "FI", 2, revision=2))
    examples.publish(archive, examples.correction(examples.issue("load", "FR", 1)[0]))
    return archive


@pytest.fixture(autouse=True)
def _no_search(monkeypatch, request):
    if "searched" not in request.fixturenames:
        monkeypatch.setattr("flows.archive.archive.Search", examples.NoSearch)


@pytest.fixture
def searched():
    """Let the archive have its search."""


def rebuild(archive):
    return archive.rebuild(lambda *_: None)


def damage(rebuilt):
    return [str(error) for error in rebuilt.damaged]


def test_it_gives_what_publishing_gave(searched, archive):
    """To the byte, the search's bundles too, after everything derived was removed."""
    archive.refresh_search()
    published = examples.contents(archive.store)
    kept = ("article.html", "document.xml", "chart-1.png", "issue.json")
    archive.store.delete([path for path in published if not path.endswith(kept)])
    rebuilt = rebuild(archive)
    assert (rebuilt.issues, rebuilt.removed, rebuilt.damaged) == (10, 0, [])
    assert examples.contents(archive.store) == published


def test_an_empty_archive_has_its_pages(tmp_path):
    """Before the first issue, too, a reader finds a front page, a feed and a sitemap."""
    archive = Archive(open_store(str(tmp_path)), examples.URL)
    assert rebuild(archive).issues == 0
    assert {"index.html", "feed.xml", "sitemap.xml", "robots.txt"} <= set(archive.store.list(""))
    examples.publish(archive, examples.issue())
    assert rebuild(archive).issues == 1


def test_what_no_issue_accounts_for_is_removed(archive):
    """Pages and shards of what is no more go; what is not derived stays, whatever it is."""
    before = examples.contents(archive.store)
    strange = [f"{folder}/strange/index.html" for folder in DERIVED]
    strange += [
        "index/days/2020-01-01.json",
        "issues/load/FI/2020/01-01/" + "0" * 20 + "/index.html",
    ]
    kept = ["CNAME", "favicon.ico", "issues/load/FI/2020/01-01/" + "1" * 20 + "/article.html"]
    for path in strange + kept:
        archive.store.put(path, b"?")
    assert rebuild(archive).removed == len(strange)
    after = examples.contents(archive.store)
    assert after == {**before, **dict.fromkeys(kept, b"?")}


def test_an_issue_that_was_removed_is_nowhere(archive):
    """Its folder taken away by hand, no list and no neighbour leads to it any more."""
    gone = examples.issue("load", "FR", 2)[0]
    archive.store.delete(list(archive.store.list(gone.path)))
    assert rebuild(archive).issues == 9
    pages = b"".join(
        data
        for path, data in examples.contents(archive.store).items()
        if not path.startswith("index/revisions/")
    )
    assert gone.issue_id.encode() not in pages
    assert archive.revisions("load", SimpleNamespace(key=gone.document_key)) == []


def test_what_is_damaged_is_named_and_stops_nothing(archive):
    """A cut record, a forged or missing file, a record that was moved: all named, none removed."""
    cut, forged, missing, moved = (
        examples.issue("load", code, day)[0]
        for code, day in [("FI", 0), ("FI", 1), ("FR", 0), ("FR", 3)]
    )
    store = archive.store
    store.put(f"{cut.path}/issue.json", store.get(f"{cut.path}/issue.json")[:-50])
    store.put(f"{forged.path}/article.html", b"<script>alert(1)</script>")
    store.delete([f"{missing.path}/article.html", f"{missing.path}/chart-1.png"])
    elsewhere = f"{moved.path[:-20]}{'f' * 20}"
    store.put(f"{elsewhere}/issue.json", store.get(f"{moved.path}/issue.json"))
    before = examples.contents(store)
    rebuilt = rebuild(archive)
    said = damage(rebuilt)
    assert [error.data["path"] for error in rebuilt.damaged] == sorted(
        [
            f"{cut.path}/issue.json",
            f"{forged.path}/article.html",
            f"{missing.path}/article.html",
            f"{missing.path}/chart-1.png",
            f"{elsewhere}/issue.json",
        ]
    )
    assert any(f"{cut.path}/issue.json is damaged: " in line for line in said)
    assert any(f"{forged.path}/article.html is not what was written" in line for line in said)
    assert any(f"{missing.path}/chart-1.png is gone" in line for line in said)
    assert any(f"{elsewhere}/issue.json is that of {moved.path}" in line for line in said)
    assert all("Bring it back from a copy of the archive" in line for line in said)
    assert rebuilt.issues == 9
    after = examples.contents(store)
    assert {path for path in before if path.startswith("issues/")} <= set(after)
    assert after[f"{forged.path}/index.html"] == before[f"{forged.path}/index.html"]
    assert cut.issue_id not in after["index/all.json"].decode()


def test_what_was_restored_is_whole_again(archive):
    """Once the file is back, the next rebuild gives what there was."""
    published = examples.contents(archive.store)
    record = f"{examples.issue('load', 'FI', 1)[0].path}/issue.json"
    archive.store.put(record, b"{")
    assert len(rebuild(archive).damaged) == 1
    archive.store.put(record, published[record])
    assert rebuild(archive).damaged == []
    assert examples.contents(archive.store) == published


def test_damaged_shards_and_pages_are_mended(archive):
    """Whatever is derived may be cut, emptied or exchanged."""
    published = examples.contents(archive.store)
    for number, path in enumerate(published):
        if path.startswith(DERIVED) or path.endswith("index.html"):
            harm = [b"", published[path][:-9], published["index/all.json"]][number % 3]
            archive.store.put(path, harm)
    assert rebuild(archive).damaged == []
    assert examples.contents(archive.store) == published


def test_it_writes_what_differs_and_no_more(archive, tmp_path):
    """A rebuild of what is in order leaves each file as old as it was."""
    ages = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*.*")}
    rebuild(archive)
    now = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*.*")}
    assert {path for path in now if now[path] != ages.get(path)} <= {
        tmp_path / "archive" / ".store"
    }


def test_it_tells_how_far_it_is(archive):
    """Each part of the work goes up to its end."""
    told = []
    archive.rebuild(lambda *step: told.append(step))
    for what in ("indexing", "writing pages"):
        steps = [(done, total) for name, done, total in told if name == what]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0


def test_it_settles_what_publishers_left(archive):
    """What a killed publisher left is whole afterwards, with no mark left over."""
    archive.commit(*examples.issue("load", "PT", 0))
    assert rebuild(archive).issues == 11
    assert list(archive.store.list(paths.PENDING)) == []


def test_a_publisher_meanwhile_leaves_its_mark_to_it(archive):
    """While a rebuild runs, an issue that is published is settled once more at its end."""
    seen = []

    def publish_now(what, *_):
        if what == "writing pages" and not seen:
            examples.publish(archive, examples.issue("load", "PT", 0))
            seen.extend(path for path in archive.store.list(paths.PENDING) if "rebuild" not in path)

    archive.rebuild(publish_now)
    assert seen == [paths.pending(examples.issue("load", "PT", 0)[0].path)]
    assert list(archive.store.list(paths.PENDING)) == []
    published = examples.contents(archive.store)
    rebuild(archive)
    assert examples.contents(archive.store) == published


def test_a_rebuild_that_died_holds_nobody_up(archive):
    """Its mark is not believed for ever: publishers take theirs away again."""
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    archive.store.put(f"{paths.PENDING}/rebuild-x", Mark("", "x", long_ago).dump())
    examples.publish(archive, examples.issue("load", "PT", 0))
    assert list(archive.store.list(paths.PENDING)) == [f"{paths.PENDING}/rebuild-x"]
    rebuild(archive)
    assert list(archive.store.list(paths.PENDING)) == []


def test_a_mark_without_an_issue_goes_after_a_day(archive):
    """A publisher may be about to write its record; one that has not in a day never will."""
    for hours, code in ((1, "FI"), (25, "FR")):
        issue = examples.issue("load", code, 9)[0]
        since = datetime.now(UTC) - timedelta(hours=hours)
        archive.store.put(paths.pending(issue.path), Mark(issue.path, "x", since).dump())
    rebuild(archive)
    assert list(archive.store.list(paths.PENDING)) == [
        paths.pending(examples.issue("load", "FI", 9)[0].path)
    ]

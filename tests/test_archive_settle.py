"""Publishing brings up to date what an issue touches and nothing else, however often it is done."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from datetime import timedelta

import pytest

import archive_examples as examples
from flows.archive import Archive, open_store, paths
from flows.archive.card import Card
from flows.archive.index import Scope
from flows.archive.series import Series
from flows.archive.shards import Shards
from flows.archive.view import SeriesView
from flows.errors import StorageError


class Watched:
    """A store that counts requests, and notes what is written."""

    def __init__(self, store):
        self._store = store
        self.requests = Counter()
        self.written = {}

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if not callable(value):
            return value

        def call(*arguments):
            self.requests[name] += 1
            result = value(*arguments)
            if name in {"put", "create"}:
                self.written[arguments[0]] = arguments[1]
            if name == "update":
                self.written[arguments[0]] = result
            return result

        return call


@pytest.fixture
def archive(tmp_path):
    """An empty archive whose publishers are given up at once when they say no more."""
    return Archive(open_store(str(tmp_path / "archive")), examples.URL, timedelta(seconds=0))


@pytest.fixture(autouse=True)
def _no_search(monkeypatch):
    monkeypatch.setattr("flows.archive.archive.Search", examples.NoSearch)


def publish(archive, *args, **changes):
    return examples.publish(archive, examples.issue(*args, **changes))


def around(archive, issue):
    """Return the paths around an issue, by their relation."""
    view = SeriesView(archive.store, Shards(archive.store, None), issue.newsletter, issue.zone.code)
    found = vars(view.around(Card.of(issue)))
    return {name: card.path for name, card in found.items() if card is not None}


def page(archive, issue):
    return archive.store.get(f"{issue.path}/index.html").decode()


def test_publishing_writes_what_the_issue_touches_and_no_more(archive):
    """Its page, its neighbours', its indexes, its feeds: of another series or day, nothing."""
    for day in range(5):
        for code in examples.ZONES:
            if day != 2:
                publish(archive, "load", code, day)
    watched = Watched(archive.store)
    issue = publish(Archive(watched, examples.URL), "load", "FR", 2)
    before, after = (examples.issue("load", "FR", day)[0] for day in (1, 3))
    written = {path for path in watched.written if not path.startswith(f"{issue.path}/")}
    assert written == {
        *(f"{other.path}/index.html" for other in (before, after)),
        *(f"index/{name}.json" for name in ("all", "days", "newsletters/load", "zones/FR")),
        *(f"index/{name}.json" for name in ("days/2025-11-30", "months/2025-11")),
        "index/series/load/FR/2025-11.json",
        paths.revisions("load", issue.document_key),
        paths.pending(issue.path),
        # Known already, and looked at again.
        "index/series/load/FR/months.json",
        *("index.html", "feed.xml", "sitemap.xml"),
        *("newsletters/load/index.html", "newsletters/load/feed.xml"),
        *("zones/FR/index.html", "zones/FR/feed.xml"),
        *("months/2025-11/index.html", "days/2025-11-30/index.html", "sitemaps/2025-11-30.xml"),
    }


def test_publishing_costs_the_same_however_many_there_are(tmp_path):
    """As many requests into an archive of 4, 124 or 160 issues, and no larger ones in the end."""
    requests, sizes = [], []
    for days in (2, 62, 80):
        archive = Archive(open_store(str(tmp_path / str(days))), examples.URL)
        for day in range(days):
            for code in ("FI", "FR"):
                examples.put(archive, examples.issue("load", code, 90 - day))
        archive.rebuild(lambda *_: None)
        watched = Watched(archive.store)
        publish(Archive(watched, examples.URL), "load", "FR", 91)
        requests.append(watched.requests)
        sizes.append(sum(map(len, watched.written.values())))
    assert requests[0] == requests[1] == requests[2]
    # Lists of months and of days are longer by a few words; cards are sixty in both.
    assert sizes[2] < 1.1 * sizes[1]


def test_settling_again_writes_nothing(archive):
    """A message that comes again changes no byte; nor does it renew the age of a page."""
    issues = [publish(archive, "load", "FR", day) for day in range(3)]
    before = examples.contents(archive.store)
    watched = Watched(archive.store)
    again = Archive(watched, examples.URL)
    for issue in issues:
        again.settle(issue)
    assert examples.contents(archive.store) == before
    assert watched.requests["put"] == watched.requests["create"] == 0


def test_neighbours_follow_by_period(archive):
    """Whatever the order of publication, and over months without an issue."""
    third, first, second = (publish(archive, "load", "FR", day) for day in (200, 0, 30))
    assert around(archive, first) == {"next": second.path}
    assert around(archive, second) == {"previous": first.path, "next": third.path}
    assert around(archive, third) == {"previous": second.path}
    assert third.path.rpartition("/")[2] in page(archive, second)


def test_an_update_takes_the_place_of_the_issue(archive):
    """Neighbours lead to it; the old page stays, says what replaced it, and has no neighbours."""
    before, old, after = (publish(archive, "load", "FR", day) for day in (0, 1, 2))
    new = publish(archive, "load", "FR", 1, revision=2)
    assert around(archive, old) == {"superseded_by": new.path}
    assert around(archive, new) == {
        "previous": before.path,
        "next": after.path,
        "supersedes": old.path,
    }
    assert around(archive, before)["next"] == around(archive, after)["previous"] == new.path
    for other in (old, before, after):
        assert new.issue_id in page(archive, other)


def test_an_update_is_found_when_its_period_moved(archive):
    """An outage that moved to another month is linked with what it was, from both sides."""
    old = publish(archive, "outage_alert", "FR", 0, key="outage-1")
    neighbour = publish(archive, "outage_alert", "FR", 1)
    new = publish(archive, "outage_alert", "FR", 40, 2, key="outage-1")
    assert around(archive, old) == {"superseded_by": new.path}
    assert around(archive, new)["supersedes"] == old.path
    assert "previous" not in around(archive, neighbour)
    assert new.issue_id in page(archive, old)


def test_a_correction_stands_beside_the_old(archive):
    """The old page says so and keeps its address; neighbours and listings lead to the new one."""
    before, old = (publish(archive, "load", "FR", day) for day in (0, 1))
    new = examples.publish(archive, examples.correction(old))
    newer = examples.publish(archive, examples.correction(old, 2))
    assert around(archive, old) == {"corrected_by": newer.path}
    assert around(archive, new) == {"corrected_by": newer.path, "corrects": old.path}
    assert around(archive, newer) == {"previous": before.path, "corrects": old.path}
    assert around(archive, before) == {"next": newer.path}
    latest = Scope.model_validate_json(archive.store.get("index/all.json")).latest
    assert [card.path for card in latest] == [newer.path, before.path]
    for rendering in (old, new, newer):
        assert archive.load(rendering.path) == rendering
        assert newer.render_id in page(archive, rendering) or rendering is newer


def test_the_next_publisher_finishes_what_a_killed_one_left(archive):
    """A record without pages is settled with the next issue, whatever that is about."""
    left, files = examples.issue("load", "FI", 7)
    archive.commit(left, files)
    assert archive.store.get(f"{left.path}/index.html") is None
    publish(archive, "wind_solar", "FR", 0)
    assert archive.store.get(f"{left.path}/index.html") is not None
    assert left.issue_id in archive.store.get("index/all.json").decode()
    assert list(archive.store.list(paths.PENDING)) == []


def test_one_publisher_does_not_do_the_work_of_many(archive):
    """Of what was left by many, each publisher that follows settles some."""
    for day in range(25):
        archive.commit(*examples.issue("load", "FI", day))
    waiting = []
    for day in range(3):
        publish(archive, "wind_solar", "FR", day)
        waiting.append(len(list(archive.store.list(paths.PENDING))))
    assert waiting == [15, 5, 0]


def test_what_another_one_is_at_is_left_to_it(tmp_path):
    """A mark that is fresh is that of a publisher who lives."""
    archive = Archive(open_store(str(tmp_path)), examples.URL)
    archive.commit(*examples.issue("load", "FI", 7))
    publish(archive, "wind_solar", "FR", 0)
    (mark,) = archive.store.list(paths.PENDING)
    assert mark == paths.pending(examples.issue("load", "FI", 7)[0].path)


def test_a_mark_that_leads_nowhere_harms_nobody(archive):
    """Neither one whose issue was never written, nor one that holds anything else."""
    archive.store.put(f"{paths.PENDING}/x", b"\xff")
    archive.store.put(f"{paths.PENDING}/y", json.dumps(["../../etc", "z", "2025-01-01"]).encode())
    issue = publish(archive, "load", "FI")
    assert archive.store.get(f"{issue.path}/index.html") is not None


# Of the shard of all, nothing else says that there is one.
@pytest.mark.parametrize(
    ("shard", "harm"),
    [
        ("all", "cut off"),
        *itertools.product(
            ("days", "newsletters/load", "zones/FI", "months/2025-11", "days/2025-11-28"),
            ("cut off", "lost"),
        ),
    ],
)
def test_a_broken_shard_is_said_and_nothing_is_lost(archive, shard, harm):
    """No shard with one card takes its place; a rebuild mends it, and publishing goes on."""
    publish(archive, "load", "FI")
    publish(archive, "load", "PT")
    path = f"index/{shard}.json"
    if harm == "lost":
        archive.store.delete([path])
    else:
        archive.store.put(path, archive.store.get(path)[:-20])
    issue, files = examples.issue("load", "FI", key="another")
    assert archive.commit(issue, files)
    with pytest.raises(StorageError, match=f"{path} is .*gridletter site build"):
        archive.settle(issue)
    assert archive.rebuild(lambda *_: None).issues == 3
    archive.settle(issue)
    scope = Scope.model_validate_json(archive.store.get("index/all.json"))
    assert len(scope.latest) == 3


def test_a_lost_month_of_a_series_is_said(archive):
    """The list of its months says that there was one."""
    publish(archive, "load", "FI")
    assert Series.model_validate_json(archive.store.get("index/series/load/FI/months.json"))
    archive.store.delete(["index/series/load/FI/2025-11.json"])
    with pytest.raises(StorageError, match=r"index/series/load/FI/2025-11\.json is gone"):
        publish(archive, "load", "FI", 1)


def test_a_damaged_neighbour_keeps_its_page_and_stops_nobody(archive, caplog):
    """Its files are named for the operator; the new issue is published."""
    old = publish(archive, "load", "FI")
    standing = page(archive, old)
    archive.store.put(f"{old.path}/article.html", b"<article>forged</article>")
    new = publish(archive, "load", "FI", 1)
    assert page(archive, old) == standing
    assert f"{old.path}/article.html is not what was written" in caplog.text
    assert new.issue_id not in standing
    assert archive.store.get(f"{new.path}/index.html") is not None


def test_an_issue_whose_own_file_is_gone_is_not_published(archive):
    """No page stands for it, and the error names the file."""
    issue, files = examples.issue("load", "FI")
    archive.commit(issue, files)
    archive.store.delete([f"{issue.path}/article.html"])
    with pytest.raises(StorageError, match=r"article\.html is gone"):
        archive.settle(issue)
    assert archive.store.get(f"{issue.path}/index.html") is None


def test_names_and_titles_lead_nowhere_else(archive):
    """Whatever a newsletter or a zone is called, all that is written has plain names."""
    hostile = '../../<script>alert(1)</script>"\u202e'
    zone = examples.zone("FR").model_copy(update={"code": hostile, "name": hostile})
    publish(archive, hostile, title=hostile, zone=zone, headline=hostile)
    publish(archive, "index", "PT", 1)
    names = [name for path in archive.store.list("") for name in path.split("/")]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+(\.[a-z]+)?", name) for name in names)
    assert archive.rebuild(lambda *_: None).issues == 2

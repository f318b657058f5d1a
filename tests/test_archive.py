"""The archive: an issue is in it whole or not at all, and is found again at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest

import issue_examples as examples
from flows.archive import Archive, open_store
from flows.errors import StorageError


@pytest.fixture
def archive(tmp_path):
    """An empty archive in a folder of its own."""
    return Archive(open_store(str(tmp_path / "archive")), "https://letters.example.org/")


def issue_of(doc, **options):
    return examples.render(examples.shown(examples.figure()), doc=doc, **options)


def published(archive, doc, **options):
    issue, rendering = issue_of(doc, **options)
    assert archive.commit(issue, rendering.files)
    return issue


def later(doc, hours, **changes):
    return replace(doc, created=doc.created + timedelta(hours=hours), **changes)


def on(doc, days, **changes):
    """Return the document of so many days after `doc`, created as much later."""
    shift = timedelta(days=days)
    moved = replace(doc, start=doc.start + shift, end=doc.end + shift, **changes)
    return later(moved, 24 * days)


def test_an_issue_is_written_once(archive):
    """The second commit says that the issue stood already, and what stands is the first."""
    doc = examples.document()
    first = published(archive, doc)
    second, rendering = issue_of(doc, published=examples.PUBLISHED + timedelta(hours=1))
    assert second.issue_id == first.issue_id
    assert not archive.commit(second, rendering.files)
    assert archive.load(first.path) == first


def test_an_interrupted_commit_is_no_issue_and_is_written_over(archive, monkeypatch):
    """Killed before the record: not found, not listed, and the next commit completes it."""
    doc = examples.document()
    issue, rendering = issue_of(doc)
    real_put = archive.store.put
    for dies_at in range(len(rendering.files)):
        left = iter(range(dies_at))

        def put(path, data, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            real_put(path, data)

        monkeypatch.setattr(archive.store, "put", put)
        with pytest.raises(KeyboardInterrupt):
            archive.commit(issue, rendering.files)
        assert archive.load(issue.path) is None
        assert archive.previous("wind_solar", on(doc, 1)) is None
        assert archive.revisions("wind_solar", doc) == []
        # Nobody waits for the one that was interrupted.
        assert list(archive.store.list("index/pending")) == []
    monkeypatch.undo()
    assert archive.commit(issue, rendering.files)
    assert archive.revisions("wind_solar", doc) == [issue]


def test_of_two_who_publish_the_same_issue_one_writes_it(archive):
    """The second waits until the first has written its record, and changes no file of it."""
    first, mine = issue_of(examples.document())
    second, others = issue_of(
        examples.document(), published=examples.PUBLISHED + timedelta(hours=1)
    )
    begun, go_on = Event(), Event()
    real_create = archive.store.create

    def create(path, data):
        begun.set()
        go_on.wait(10)
        return real_create(path, data)

    other = Archive(archive.store, archive.url)
    slow = Archive(open_store(archive.store.address), archive.url)
    slow.store.create = create
    with ThreadPoolExecutor() as pool:
        one = pool.submit(slow.commit, first, mine.files)
        assert begun.wait(10)
        two = pool.submit(other.commit, second, others.files)
        time.sleep(0.3)
        assert not two.done()
        go_on.set()
        assert (one.result(), two.result()) == (True, False)
    assert archive.load(first.path) == first
    assert all(archive.file(first, name) == data for name, data in mine.files.items())


def test_who_was_away_too_long_writes_nothing_more(archive):
    """A publisher that wakes up after another has taken over says so, and touches no file."""
    first, mine = issue_of(examples.document())
    second, others = issue_of(
        examples.document(), published=examples.PUBLISHED + timedelta(hours=1)
    )
    sleepy = Archive(open_store(archive.store.address), archive.url, timedelta(0))
    real_put, slept = sleepy.store.put, []

    def put(path, data):
        real_put(path, data)
        if path.startswith("issues/") and not slept:
            slept.append(path)
            assert Archive(archive.store, archive.url, timedelta(0)).commit(second, others.files)

    sleepy.store.put = put
    with pytest.raises(StorageError, match="another publisher has taken over"):
        sleepy.commit(first, mine.files)
    assert slept
    assert archive.load(first.path) == second
    assert all(archive.file(second, name) == data for name, data in others.files.items())


def test_a_damaged_record_is_said(archive):
    """What can't be read, or is that of another issue, is an error that names the file."""
    doc = examples.document()
    issue = published(archive, doc)
    record = f"{issue.path}/issue.json"
    whole = archive.store.get(record)
    for data in (b"", whole[:-10], b"{}", whole.replace(b'"DE_LU"', b'"FR"')):
        archive.store.put(record, data)
        for read in (
            lambda: archive.load(issue.path),
            lambda: archive.revisions("wind_solar", doc),
            lambda: archive.previous("wind_solar", on(doc, 1)),
        ):
            with pytest.raises(StorageError, match=r"issue\.json is (damaged|that of)") as raised:
                read()
            assert raised.value.data["path"] == record


def test_a_file_that_was_changed_is_said(archive):
    """What is not, to the byte, what was written is never mailed."""
    issue = published(archive, examples.document())
    archive.store.put(f"{issue.path}/email.txt", b"Send money.")
    with pytest.raises(StorageError, match=r"email\.txt is not what was written"):
        archive.mail(issue)


def test_a_correction_is_not_what_readers_had_before(archive):
    """`previous` and `covering` name issues; a correction of one stands below it."""
    doc = examples.document()
    issue = published(archive, doc)
    fixed = issue.model_copy(
        update={"corrects": issue.render_id, "render_id": "c" * 20, "headline": "Corrected"}
    )
    assert archive.commit(fixed, {})
    assert archive.load(fixed.path) == fixed
    assert archive.previous("wind_solar", on(doc, 1)) == issue
    assert archive.revisions("wind_solar", doc) == [issue]


def test_revisions_are_found_whichever_day_they_begin_on(archive):
    """An outage keeps its key while its period moves: its update is still an update."""
    doc = examples.document(root="Unavailability_MarketDocument", mrid="outage-1")
    first = published(archive, doc)
    moved = on(doc, 3, revision=2)
    second = published(archive, moved, superseded=first)
    assert first.path.split("/")[:5] != second.path.split("/")[:5]
    assert archive.revisions("wind_solar", moved) == [first, second]
    assert archive.revisions("load", moved) == []


def test_the_issue_before_is_the_latest_of_the_same_period(archive):
    """An intraday forecast follows the day-ahead one of its day, not that of the day before."""
    doc = examples.document()
    published(archive, on(doc, -1))
    same_day = published(archive, doc)
    intraday = later(doc, 12, process_type="A40")
    assert archive.previous("wind_solar", intraday) == same_day


def test_else_the_issue_before_is_of_the_days_before(archive):
    """Without one of the same period it is the latest within a week, and nothing older."""
    doc = examples.document()
    assert archive.previous("wind_solar", doc) is None
    published(archive, on(doc, -9))
    assert archive.previous("wind_solar", doc) is None
    before = published(archive, on(doc, -2))
    published(archive, on(doc, -3))
    assert archive.previous("wind_solar", doc) == before


def test_what_was_created_later_is_not_the_issue_before(archive):
    """An old document that arrives late is not compared with a newer one."""
    doc = examples.document()
    published(archive, later(doc, 5, process_type="A40"))
    assert archive.previous("wind_solar", doc) is None


def test_a_realised_document_finds_the_forecast_that_covers_it(archive):
    """The newest day-ahead document whose period holds the realised one, also from a longer one."""
    doc = examples.document()
    week = replace(on(doc, -2), end=doc.end + timedelta(days=2))
    forecast = published(archive, week)
    realised = later(doc, 30, process_type="A16")
    assert archive.covering("wind_solar", realised, "A01") == forecast
    assert archive.covering("wind_solar", on(realised, 9), "A01") is None
    assert archive.document(forecast) == doc.xml
    assert archive.document(None) == ""


def test_a_mail_comes_back_as_it_was_rendered(archive, tmp_path):
    """The archived mail shows in a browser by its files, and goes out with `cid:` images."""
    issue, rendering = issue_of(examples.document())
    archive.commit(issue, rendering.files)
    html, text, charts = archive.mail(issue)
    assert html == rendering.mail_html
    assert text == rendering.mail_text
    assert charts == {image.name: image.light_png for image in rendering.images}
    kept = (tmp_path / "archive" / issue.path / "email.html").read_text(encoding="utf-8")
    assert 'src="chart-1.png"' in kept
    assert "cid:" not in kept


def test_a_file_that_is_gone_is_said(archive, tmp_path):
    """A missing chart is a storage error with its path, and no mail without its chart."""
    issue = published(archive, examples.document())
    (tmp_path / "archive" / issue.path / "chart-1.png").unlink()
    with pytest.raises(StorageError, match=r"chart-1\.png is gone"):
        archive.mail(issue)

"""The inbox keeps what it took, in order, once and within bounds, and says what is wrong."""

import hashlib
import multiprocessing
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import RetryableError, SettingsError, StorageError
from flows.gateway import inbox as inbox_module
from flows.gateway.inbox import WEBHOOK_ID_SECONDS, Inbox, InboxFull

SPAWN = multiprocessing.get_context("spawn")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = NOON.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "inbox.db"


@pytest.fixture
def inbox(file, clock):
    return Inbox(file, clock=clock)


def bodies(inbox, limit=1000):
    return [message.body for message in inbox.waiting(limit)]


def test_a_message_is_kept_as_it_came(inbox, file, clock):
    """Body, digest and time are what they were, for another process, too, that opens the file."""
    body = "<x>Øresund {{ event.payload.body }} \r\n\ud7ff\U0001f600</x>"
    kept = inbox.put(body)
    assert kept.body == body
    assert kept.received == NOON
    assert kept.digest == hashlib.sha256(body.encode()).hexdigest()
    assert kept.emissions == 0
    assert kept.event_id is None
    assert Inbox(file, clock=clock).waiting(10) == [kept]


def test_what_is_kept_is_on_the_disk(inbox):
    """Each commit is synced, so that what was answered outlives a power cut, too."""
    pragmas = [f"PRAGMA {name}" for name in ("journal_mode", "synchronous")]
    database = inbox._file._database
    assert [database.execute(pragma).fetchone()[0] for pragma in pragmas] == ["wal", 2]


def test_ids_sort_by_arrival_whatever_the_clock_does(inbox, clock):
    """A clock that stands still or goes back makes no later message sort before an earlier one."""
    ids = []
    for seconds in (0, 0, 1, -3600, 0, 7200):
        clock.now += seconds
        ids.append(inbox.put(f"<a>{len(ids)}</a>").id)
    assert ids == sorted(set(ids))
    assert bodies(inbox) == [f"<a>{number}</a>" for number in range(6)]


def test_a_new_inbox_gives_out_no_id_of_an_old_one(tmp_path, clock):
    """Ids of a file that was moved away don't come again."""
    first = Inbox(tmp_path / "old.db", clock=clock).put("<a/>")
    clock.now += 1
    assert Inbox(tmp_path / "new.db", clock=clock).put("<a/>").id > first.id


def test_what_waits_is_kept_once(inbox):
    """An equal body that still waits, emitted or not, is the same message; afterwards a new one."""
    first = inbox.put("<a/>")
    inbox.emitted(first.id, "an event")
    again = inbox.put("<a/>")
    assert (again.id, again.emissions, again.event_id) == (first.id, 1, "an event")
    inbox.handed_over(first.id, "a run")
    assert inbox.put("<a/>").id > first.id
    assert inbox.counts()["waiting"] == 1


def test_a_message_handed_over_waits_no_more(inbox):
    """It is left out from then on, its body is gone, and hearing of it again changes nothing."""
    first, second = inbox.put("<a/>"), inbox.put("<b/>")
    for _ in range(2):
        inbox.handed_over(first.id, "a run")
        inbox.emitted(first.id, "a late event")
    assert inbox.waiting(10) == [second]
    assert inbox.counts() == {"waiting": 1, "waiting_bytes": 4, "handed_over": 1}


def test_oldest_first_and_no_more_than_asked_for(inbox, monkeypatch):
    """`waiting` keeps to its limit, and to what fits in memory, but always gives one."""
    for name in "abc":
        inbox.put(f"<{name}/>")
    assert bodies(inbox, 2) == ["<a/>", "<b/>"]
    monkeypatch.setattr(inbox_module, "_LARGEST_READ_BYTES", 9)
    assert bodies(inbox) == ["<a/>", "<b/>"]
    monkeypatch.setattr(inbox_module, "_LARGEST_READ_BYTES", 1)
    assert bodies(inbox) == ["<a/>"]


def test_seconds_since_a_message_came(inbox, clock):
    """By its digest, the last of equal ones, handed over or not; None for one never seen."""
    message = inbox.put("<a/>")
    clock.now += 5
    assert inbox.sent(message.digest) == 5
    inbox.handed_over(message.id, "a run")
    clock.now += 1
    assert inbox.sent(message.digest) == 6
    inbox.put("<a/>")
    assert inbox.sent(message.digest) == 0
    assert inbox.sent("0" * 64) is None


def test_a_delivery_is_stored_once(inbox, clock):
    """What comes under an id that was seen is that message, even handed over; after an hour new."""
    first = inbox.put("<a/>", webhook_id="msg_1")
    inbox.handed_over(first.id, "a run")
    assert inbox.put("<a/>", webhook_id="msg_1").id == first.id
    assert inbox.counts()["waiting"] == 0
    assert inbox.purge(timedelta(0)) == 0
    replayed = inbox.put("<a/>", webhook_id="msg_1")
    assert (replayed.id, replayed.body) == (first.id, "")
    assert inbox.put("<a/>", webhook_id="msg_2").id > first.id
    clock.now += WEBHOOK_ID_SECONDS + 1
    assert inbox.put("<b/>", webhook_id="msg_1").body == "<b/>"
    assert inbox.purge(timedelta(0)) == 1


def test_an_inbox_that_is_full_refuses(file, clock):
    """More than may wait is refused, retryably, tiny ones, too; room comes with handing over."""
    inbox = Inbox(file, most_waiting_mb=1, clock=clock)
    large = inbox.put("<a>" + "x" * 900_000)
    with pytest.raises(InboxFull, match="1 MB") as caught:
        inbox.put("<b>" + "x" * 900_000)
    assert isinstance(caught.value, RetryableError)
    assert caught.value.remedy
    assert inbox.put("<a>" + "x" * 900_000) == large
    with pytest.raises(InboxFull):
        _flood(inbox)
    inbox.handed_over(large.id, "a run")
    inbox.put("<b>" + "x" * 900_000)
    assert Inbox(file, most_waiting_mb=2, clock=clock).put("<d>" + "x" * 900_000)


def _flood(inbox):
    for number in range(1000):
        inbox.put(f"<c>{number}</c>")


def test_a_full_inbox_does_not_fail_what_fits(file):
    """Of pushes that are committed together, only those that don't fit are refused."""
    inbox = Inbox(file, most_waiting_mb=1)
    refused = []

    def put(number):
        try:
            inbox.put(f"<a>{number}" + "x" * (700_000 if number % 2 else 100))
        except InboxFull:
            refused.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert all(number % 2 for number in refused)
    assert inbox.counts()["waiting"] == 9


def test_what_was_handed_over_long_ago_is_forgotten(inbox, clock):
    """`purge` takes what is older than it says, never what waits, and tells how many."""
    old, waiting, young = (inbox.put(f"<{name}/>") for name in "abc")
    inbox.handed_over(old.id, "a run")
    clock.now += 3600
    inbox.handed_over(young.id, "a run")
    inbox.handed_over(old.id, "a run, heard of again")
    assert inbox.purge(timedelta(hours=1)) == 1
    assert inbox.counts()["handed_over"] == 1
    assert inbox.waiting(10) == [waiting]
    assert inbox.sent(old.digest) is None


@pytest.mark.parametrize(
    ("at", "written", "kept"),
    [(0, b"no database at all", None), (100, b"\xa5" * 20_000, None), (0, b"", 0.5)],
    ids=["text", "overwritten", "truncated"],
)
def test_a_damaged_file_is_said_to_be_one(inbox, file, at, written, kept):
    """What is no sound database is an error with its path and a way out, at once or at the put."""
    for number in range(200):
        inbox.put(f"<a>{number}" + "x" * 10_000)
    inbox.close()
    with file.open("r+b") as raw:
        raw.seek(at)
        raw.write(written)
        raw.truncate(int(file.stat().st_size * (kept or 1)))
    with pytest.raises(StorageError, match=str(file)) as caught:
        _use(file)
    assert "Move the file away" in caught.value.remedy


def _use(file):
    inbox = Inbox(file)
    inbox.put("<b>" + "y" * 100_000)
    inbox.waiting(1000)
    inbox.purge(timedelta(0))


def test_a_file_of_another_program_is_left_alone(file):
    """A database that is no inbox is refused, and not a byte of it changes."""
    file.parent.mkdir()
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE message (body)")
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="another program"):
        Inbox(file)
    assert file.read_bytes() == before


def test_a_newer_inbox_is_refused(inbox, file):
    """An older version does not write into what a newer one made."""
    inbox.close()
    with sqlite3.connect(file) as newer:
        newer.execute("PRAGMA user_version = 2")
    with pytest.raises(SettingsError, match="newer version"):
        Inbox(file)


def test_a_folder_that_cant_be_made_is_an_error(tmp_path):
    """A file in the way of the folder is said to be there."""
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(StorageError, match="can't be made"):
        Inbox(tmp_path / "home" / "inbox.db")


def test_who_holds_the_file_for_long_is_not_waited_for(inbox, file):
    """A put fails, retryably and with what to do, where another process keeps writing."""
    inbox._file._database.execute("PRAGMA busy_timeout = 50")
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            inbox.put("<a/>")
        other.execute("ROLLBACK")
    assert inbox.put("<a/>").body == "<a/>"


def _put_many(file, name, count):
    inbox = Inbox(file)
    for number in range(count):
        inbox.put(f"<{name}>{number}</{name}>")
        inbox.put(f"<same>{number}</same>")


def test_several_processes_share_an_inbox(file):
    """Two that begin it at once and put at once lose nothing, and keep equal bodies once."""
    names = ("a", "b")
    processes = [SPAWN.Process(target=_put_many, args=(file, name, 100)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    expected = [f"<{n}>{i}</{n}>" for n in (*names, "same") for i in range(100)]
    inbox = Inbox(file)
    assert sorted(bodies(inbox)) == sorted(expected)
    assert inbox.counts()["waiting_bytes"] == sum(map(len, expected))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "emit", "hand over", "purge"]), st.integers(0, 4)),
        max_size=40,
    )
)
def test_the_inbox_is_a_line_of_distinct_messages(tmp_path_factory, steps):
    """Whatever is done in whatever order, it behaves as a plain ordered list would."""
    clock = Clock()
    inbox = Inbox(tmp_path_factory.mktemp("inbox") / "inbox.db", clock=clock)
    line, ids = [], {}
    for step, number in steps:
        clock.now += 1
        body = f"<a>{number}</a>"
        if step == "put":
            ids[body] = inbox.put(body).id
            if body not in line:
                line.append(body)
        elif step == "emit" and body in line:
            inbox.emitted(ids[body], "an event")
        elif step == "hand over" and body in line:
            inbox.handed_over(ids[body], "a run")
            line.remove(body)
        elif step == "purge":
            inbox.purge(timedelta(seconds=number))
        assert bodies(inbox) == line
        counts = inbox.counts()
        assert counts["waiting"] == len(line)
        assert counts["waiting_bytes"] == sum(map(len, line))
    inbox.close()

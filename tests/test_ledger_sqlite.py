"""What SQLite adds to the ledger's contract: one file, full disks, many threads, no scans."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from flows.delivery.group_commit import GroupCommit
from flows.delivery.ledger import Recipient, State
from flows.delivery.ledger_sqlite import SqliteLedger
from flows.errors import SettingsError, StorageError
from ledger_examples import LEASE, an_entry, people, results

ISSUE = "issue-1"


@pytest.fixture
def path(tmp_path):
    """Name a ledger's file, in a folder that is not there yet."""
    return tmp_path / "home" / "ledger.db"


@pytest.fixture
def ledger(path):
    """Open an empty ledger."""
    return SqliteLedger(path)


def _claim(ledger, limit=10):
    return ledger.claim(ISSUE, "host", lease_seconds=LEASE, limit=limit)


def _steps(ledger, call):
    """Return how many thousand steps SQLite's machine takes for `call`."""
    counted = 0

    def count():
        nonlocal counted
        counted += 1

    ledger._database._database.set_progress_handler(count, 1000)
    call()
    ledger._database._database.set_progress_handler(None, 0)
    return counted


def test_every_commit_is_synced(ledger):
    """The ledger writes ahead and syncs in full: what it said is there after a power failure."""
    [(journal,)] = ledger._database.execute("PRAGMA journal_mode")
    [(synchronous,)] = ledger._database.execute("PRAGMA synchronous")
    assert (journal, synchronous) == ("wal", 2)


def test_no_step_scans_an_issue(ledger):
    """In an issue of 20,000 a claim, its sums and a suppression cost what they do in one of 200."""
    steps = {}
    for issue_id, count in (("small", 200), ("large", 20_000)):
        ledger.enroll(an_entry(issue_id), people(count))

        def work(issue_id=issue_id):
            claims = ledger.claim(issue_id, "host", lease_seconds=LEASE, limit=100)
            ledger.settle(results(ledger.begin(claims)[1:], State.ACCEPTED))
            ledger.claim(issue_id, "host", lease_seconds=LEASE, limit=1)
            ledger.counts(issue_id)
            ledger.next_due(issue_id)
            ledger.suppress(f"{issue_id}@mail.example", "unsubscribed")
            assert list(ledger.unfinished())
            assert not list(ledger.held())

        steps[issue_id] = _steps(ledger, work)
    assert 0 < steps["large"] < 1.5 * steps["small"]


def test_finished_issues_cost_nothing(ledger):
    """After hundreds of finished issues a click, a claim and a look for work cost the same."""

    def work(number):
        ledger.suppress(f"reader{number}@elsewhere.example", "unsubscribed")
        assert list(ledger.unfinished()) == list(ledger.held()) == _claim(ledger) == []

    before = _steps(ledger, lambda: [work(number) for number in range(100)])
    for number in range(300):
        issue_id = f"finished-{number}"
        ledger.enroll(an_entry(issue_id), people(1))
        claims = ledger.claim(issue_id, "host", lease_seconds=LEASE, limit=1)
        ledger.settle(results(ledger.begin(claims), State.ACCEPTED))
    after = _steps(ledger, lambda: [work(number) for number in range(100, 200)])
    assert after < 1.5 * before + 1


def test_recipients_that_fail_to_come_leave_nothing(ledger):
    """Where the list of recipients breaks off, the issue is not in the ledger, nor any row."""

    def broken():
        yield from people(100)
        raise LookupError

    with pytest.raises(LookupError):
        ledger.enroll(an_entry(), broken())
    assert ledger.entry(ISSUE) is None
    assert not ledger.counts(ISSUE)
    assert ledger.enroll(an_entry(), people(2))


def test_recipients_may_be_made_by_asking_the_ledger(ledger):
    """A list that asks the ledger about each address while it is read does not hang."""
    ledger.suppress("reader00000@mail.example", "unsubscribed")
    wanted = (person for person in people(3) if ledger.suppressed(person.email) is None)
    assert ledger.enroll(an_entry(), wanted)
    assert ledger.counts(ISSUE) == {State.PENDING: 2}


def test_a_full_disk_leaves_nothing_half_written(ledger):
    """On a full disk the ledger says so, keeps what it had, and goes on once there is room."""
    ledger.enroll(an_entry("before"), people(10))
    [(pages,)] = ledger._database.execute("PRAGMA page_count")
    ledger._database.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match=r"full.*Free space on its disk") as caught:
        ledger.enroll(an_entry(), people(1000))
    assert caught.value.data["path"].endswith("ledger.db")
    assert ledger.entry(ISSUE) is None
    assert ledger.counts("before") == {State.PENDING: 10}
    ledger._database.execute("PRAGMA max_page_count = 1000000")
    assert ledger.enroll(an_entry(), people(1000))


def test_a_locked_ledger_is_waited_for_then_given_up(ledger, path):
    """While another process holds the file a write waits, and says at last who is in its way."""
    ledger._database.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"locked.*Another process holds it"):
            ledger.enroll(an_entry(), people(1))
        other.execute("ROLLBACK")
    assert ledger.enroll(an_entry(), people(1))


def test_a_read_only_ledger_says_so(ledger):
    """Where the file can't be written the error names its rights; reading still works."""
    ledger.enroll(an_entry(), people(1))
    ledger._database.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match=r"readonly.*rights of the file"):
        _claim(ledger)
    assert ledger.counts(ISSUE) == {State.PENDING: 1}


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    """Where a file stands in the way of the ledger's folder the error names it."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError, match="folder"):
        SqliteLedger(tmp_path / "home" / "ledger.db")


def test_a_path_that_is_a_folder_says_so(tmp_path):
    """A folder is no ledger."""
    with pytest.raises(StorageError, match="unable to open"):
        SqliteLedger(tmp_path)


def test_a_damaged_ledger_is_never_replaced(path):
    """A file that is damaged is an error, and left as it is: a new one would send all again."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match=r"not a database.*Restore it from a backup"):
        SqliteLedger(path)
    assert path.read_bytes() == b"no database" * 1000


def test_a_page_that_went_bad_is_an_error(tmp_path):
    """A page of rows that holds garbage is met as an error, not as rows that are missing."""
    whole, damaged = tmp_path / "whole.db", tmp_path / "damaged.db"
    ledger = SqliteLedger(whole)
    ledger.enroll(an_entry(), people(2000))
    ledger._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(whole, damaged)
    with damaged.open("r+b") as file:
        file.seek(64 * 1024)
        file.write(b"\xff" * 64 * 1024)
    with pytest.raises(StorageError, match=r"malformed.*Restore it from a backup"):
        _claim(SqliteLedger(damaged), 2000)


def test_another_programs_database_is_left_alone(path):
    """A database that is no ledger is refused, and not written to."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE flow_run (id)")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="another program"):
        SqliteLedger(path)
    assert path.read_bytes() == before


def test_a_newer_ledger_is_left_alone(ledger, path):
    """A ledger of a later version is refused by this one."""
    ledger._database.execute("PRAGMA user_version = 2")
    with pytest.raises(SettingsError, match="newer version"):
        SqliteLedger(path)


def test_a_ledger_opens_again(ledger, path):
    """What one ledger wrote is there for the next that opens the file."""
    ledger.enroll(an_entry(), people(2))
    del ledger
    assert SqliteLedger(path).counts(ISSUE) == {State.PENDING: 2}


def _open_each(paths, together):
    for path in paths:
        together.wait(60)
        SqliteLedger(path)


def test_processes_that_make_a_ledger_at_once_all_have_it(tmp_path):
    """Of those that find no file, one makes it and the others wait for that one."""
    context = multiprocessing.get_context("forkserver")
    paths = [tmp_path / str(number) / "ledger.db" for number in range(100)]
    together = context.Barrier(3)
    processes = [context.Process(target=_open_each, args=(paths, together)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_waiting_begins_share_a_commit(ledger):
    """What threads begin while a commit is under way goes into the next one, all of it."""
    ledger.enroll(an_entry(), people(9))
    claims = _claim(ledger, 9)
    commits = []
    ledger._database._database.set_trace_callback(
        lambda statement: commits.append(statement) if statement == "COMMIT" else None
    )
    begun = []
    with ledger._database._lock:
        threads = [
            threading.Thread(target=lambda claim=claim: begun.extend(ledger.begin([claim])))
            for claim in claims
        ]
        for thread in threads:
            thread.start()
        _wait_for_line(ledger._begins, len(claims) - 1)
    for thread in threads:
        thread.join()
    assert sorted(begun, key=claims.index) == claims
    assert len(commits) == 2


def test_each_begin_of_a_failed_commit_is_told():
    """Where a shared commit fails, every thread that waited for it learns so, and none is stuck."""
    attempts, failures = threading.Semaphore(0), []

    def commit(jobs):
        attempts.acquire()
        raise StorageError("the disk is full", remedy="Make room.", jobs=len(jobs))

    group = GroupCommit(commit)

    def hand_in(number):
        try:
            group(number)
        except StorageError as error:
            failures.append(error.data["jobs"])

    threads = [threading.Thread(target=hand_in, args=(number,), daemon=True) for number in range(5)]
    for thread in threads:
        thread.start()
    _wait_for_line(group, 4)
    attempts.release(2)
    for thread in threads:
        thread.join(timeout=10)
    assert sorted(failures) == [1, 4, 4, 4, 4]


@pytest.mark.parametrize("is_to_lead", [False, True])
def test_an_interrupted_begin_stops_nobody_else(is_to_lead):
    """Who is interrupted (Ctrl-C) in line leaves it to those behind, even if about to lead."""
    group = GroupCommit(list)
    group._led = True
    answers = []
    behind = threading.Thread(target=lambda: answers.append(group("behind")), daemon=True)

    def lead():
        _wait_for_line(group, 1)
        behind.start()
        _wait_for_line(group, 2)
        with group._lock:
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.1)  # the interrupted thread now waits for the lock
            if is_to_lead:
                group._hand_on()
        _wait_for_line(group, 1 - is_to_lead)
        with group._lock:
            group._hand_on()

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    leader = threading.Thread(target=lead, daemon=True)
    leader.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            group("interrupted")
    finally:
        signal.signal(signal.SIGUSR1, before)
    behind.join(timeout=10)
    leader.join(timeout=10)
    assert answers == ["behind"]


def _wait_for_line(group, length):
    while len(group._line) != length:
        time.sleep(0.001)


def test_rows_of_one_address_in_one_list_are_one(ledger):
    """A recipient listed twice is entered once, under the first name."""
    twice = [Recipient("ada@mail.example", "Ada"), Recipient("ada@mail.example", "Countess")]
    ledger.enroll(an_entry(), twice)
    assert [claim.recipient.name for claim in _claim(ledger)] == ["Ada"]

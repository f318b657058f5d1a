"""The directory's contract: SQLite and DynamoDB keep the same promises."""

import sqlite3
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.delivery import directory_dynamodb
from flows.delivery.directory import open_directory
from flows.delivery.directory_sqlite import SqliteDirectory
from flows.delivery.ledger import Recipient, State, open_ledger
from flows.delivery.subscribers import Subscriber
from flows.errors import SettingsError, StorageError
from ledger_examples import an_entry, new_tables

pytest_plugins = ("dynamodb_standin",)

ADA = Subscriber("Ada", "ada@reader.example", ("load", "wind_solar"), ("DE_LU", "BE"))
BO = Subscriber("Bo", "bo@reader.example")


def _on_dynamodb():
    place = new_tables()
    directory_dynamodb.create_table(place.removeprefix("dynamodb://"))
    return place


@pytest.fixture(params=["sqlite", "dynamodb"])
def place(request, tmp_path):
    """Name an empty ledger of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'ledger.db'}"
    request.getfixturevalue("dynamodb")
    return _on_dynamodb()


@pytest.fixture
def directory(place):
    """Open an empty directory of each kind."""
    return open_directory(place)


def _readers(count):
    return [Subscriber(f"R{number}", f"r{number}@reader.example") for number in range(count)]


def _emails(subscribers):
    return [subscriber.email for subscriber in subscribers]


def test_what_was_added_is_found(directory):
    """Names, addresses and choices come back as they were entered, with the state active."""
    assert directory.add([ADA, BO]) == (ADA, BO)
    assert directory.find("ada@reader.example") == ADA
    assert list(directory.subscribers()) == [ADA, BO]


def test_one_that_is_there_stays_as_it_is(directory):
    """Only new subscribers are entered and returned; of two with one address it is the first."""
    directory.add([ADA])
    other = Subscriber("Other", ADA.email)
    second = Subscriber("Second", BO.email)
    assert directory.add([other, BO, second]) == (BO,)
    assert list(directory.subscribers()) == [ADA, BO]


def test_an_address_is_the_same_in_any_case(directory):
    """Spellings that differ in case are one subscriber, for every method."""
    directory.add([Subscriber("Ada", "ADA@Reader.Example")])
    assert directory.add([ADA]) == ()
    assert directory.find("Ada@READER.example").email == "ada@reader.example"
    assert directory.remove("aDa@reader.EXAMPLE")
    assert list(directory.subscribers()) == []


def test_who_was_removed_is_gone(directory):
    """A removal takes away one subscriber, once; they can be added again."""
    directory.add([ADA, BO])
    assert directory.remove(ADA.email)
    assert not directory.remove(ADA.email)
    assert directory.find(ADA.email) is None
    assert list(directory.subscribers()) == [BO]
    assert directory.add([ADA]) == (ADA,)


def test_an_empty_directory_has_nothing(directory):
    """A fresh home delivers to nobody and does not fail."""
    assert directory.add([]) == ()
    assert directory.find(ADA.email) is None
    assert not directory.remove(ADA.email)
    assert list(directory.subscribers()) == []
    assert list(directory.matching("load", "DE_LU")) == []
    assert directory.suppressions([]) == {}


def test_the_state_is_the_ledgers_word(directory, place):
    """Who unsubscribed or bounced is listed with that state, and gets no issue."""
    ledger = open_ledger(place)
    reasons = {
        "r1@reader.example": "unsubscribed",
        "r2@reader.example": "bounced: 550 5.1.1 unknown user",
        "stranger@reader.example": "unsubscribed",
    }
    directory.add(_readers(4))
    for email, reason in reasons.items():
        ledger.suppress(email, reason)
    assert [reader.state for reader in directory.subscribers()] == [
        *("active", "unsubscribed", "bounced", "active")
    ]
    assert directory.find("r2@reader.example").state == "bounced"
    assert _emails(directory.matching("load", "BE")) == ["r0@reader.example", "r3@reader.example"]
    asked = ["R1@reader.example", "r1@reader.example", *reasons, "r0@reader.example"]
    assert directory.suppressions(asked) == reasons


def test_the_ledgers_word_outlives_a_removal(directory, place):
    """Removed and added again, an address that unsubscribed still gets nothing."""
    directory.add([BO])
    open_ledger(place).suppress(BO.email, "unsubscribed")
    directory.remove(BO.email)
    directory.add([BO])
    assert directory.find(BO.email).state == "unsubscribed"
    assert list(directory.matching("load", "BE")) == []


def test_issues_go_to_those_who_asked_for_them(directory):
    """Newsletter and zone must both match, whole names only; empty means all."""
    directory.add(
        [
            Subscriber("all", "a@reader.example"),
            Subscriber("one", "b@reader.example", ("load",), ("DE",)),
            Subscriber("many", "c@reader.example", ("wind_solar", "load", "prices"), ("BE", "DE")),
            Subscriber("other", "d@reader.example", ("load_forecast", "overload"), ()),
            Subscriber("elsewhere", "e@reader.example", (), ("DE_LU", "CZ_DE_SK")),
        ]
    )
    names = [reader.name for reader in directory.matching("load", "DE")]
    assert names == ["all", "one", "many"]
    assert [reader.name for reader in directory.matching("load", "DE_LU")] == ["all", "elsewhere"]


def test_many_come_in_the_order_of_the_addresses(directory, place):
    """More subscribers than any page has are read once each, in order, states and all."""
    count = 2100 if place.startswith("sqlite") else 330
    readers = _readers(count)
    directory.add(readers)
    ledger = open_ledger(place)
    barred = {reader.email for reader in readers[:: count // 7]}
    for email in barred:
        ledger.suppress(email, "unsubscribed")
    found = list(directory.subscribers())
    assert _emails(found) == sorted(_emails(readers))
    assert {reader.email for reader in found if reader.state == "unsubscribed"} == barred
    assert _emails(directory.matching("load", "BE")) == sorted({*_emails(readers)} - barred)


def test_a_list_that_changes_while_it_is_read(directory):
    """Who is there from the first page to the last is read once, whatever happens to others."""
    directory.add(_readers(250))
    read = directory.subscribers()
    first = next(read)
    directory.remove(first.email)
    directory.add([Subscriber("Late", "aaa@reader.example")])
    directory.remove("r50@reader.example")
    rest = Counter(_emails(read))
    stayed = {*_emails(_readers(250))} - {first.email, "r50@reader.example"}
    assert stayed <= rest.keys()
    assert set(rest.values()) == {1}


def test_an_issue_is_enrolled_from_the_list(directory, place):
    """The ledger takes the recipients as the directory yields them, with nothing in between."""
    directory.add(_readers(150))
    ledger = open_ledger(place)
    matching = directory.matching("load", "BE")
    ledger.enroll(an_entry(), (Recipient(reader.email, reader.name) for reader in matching))
    assert ledger.counts("issue-1") == {State.PENDING: 150}


def test_threads_that_add_the_same_readers(place):
    """Each of many is new for one of those who add them at once."""
    directories = [open_directory(place) for _ in range(2)] * 2
    start = threading.Barrier(len(directories))

    def _add(directory):
        start.wait()
        return directory.add(_readers(60))

    with ThreadPoolExecutor(len(directories)) as threads:
        added = [reader for new in threads.map(_add, directories) for reader in new]
    assert sorted(_emails(added)) == sorted(_emails(_readers(60)))


@pytest.mark.parametrize(
    "address",
    ["ledger.db", "sqlite://ledger.db", "sqlite:///", "dynamodb://", "dynamodb://a b", "s3://a"],
)
def test_a_malformed_address_is_refused(address):
    """What names no ledger names no directory."""
    with pytest.raises(SettingsError, match="is no address of a ledger"):
        open_directory(address)


@pytest.mark.usefixtures("dynamodb")
def test_tables_that_are_not_there_are_said():
    """Without its table the directory on DynamoDB says what to create."""
    with pytest.raises(StorageError, match="Create its tables"):
        list(open_directory("dynamodb://nobody-made-these").subscribers())


@pytest.mark.usefixtures("dynamodb")
def test_dynamodb_is_read_a_page_at_a_time(monkeypatch):
    """The first reader costs one page of each partition, and the pages together give everybody."""
    directory = open_directory(_on_dynamodb())
    directory.add(_readers(100))
    query, asked = directory._dynamo._client.query, []

    def _short(**parameters):
        asked.append(parameters)
        return query(**parameters, Limit=2)

    monkeypatch.setattr(directory_dynamodb, "MOST_ACTIONS", 1)
    monkeypatch.setattr(directory._dynamo._client, "query", _short)
    readers = directory.subscribers()
    first = next(readers)
    assert len(asked) < 15
    assert _emails([first, *readers]) == sorted(_emails(_readers(100)))
    assert len(asked) > 50


def test_the_file_of_another_program_is_refused(tmp_path):
    """A database that is no ledger is not made into a directory."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    with pytest.raises(SettingsError, match="another program"):
        SqliteDirectory(path)


def test_many_open_a_fresh_file_at_once(tmp_path):
    """Whoever comes first makes the table; nobody fails over it."""
    with ThreadPoolExecutor(8) as threads:
        directories = list(threads.map(SqliteDirectory, [tmp_path / "ledger.db"] * 8))
    directories[0].add([ADA])
    assert all(directory.find(ADA.email) == ADA for directory in directories)


def test_all_or_none_are_added(tmp_path):
    """In SQLite a fault in the middle of an addition leaves the list as it was."""
    directory = SqliteDirectory(tmp_path / "ledger.db")
    directory.add([ADA])

    def _failing():
        yield from _readers(10)
        raise LookupError

    with pytest.raises(LookupError):
        directory.add(_failing())
    assert list(directory.subscribers()) == [ADA]
    assert directory.add([BO]) == (BO,)


def test_a_file_that_can_not_be_written_keeps_the_old_list(tmp_path):
    """A full disk leaves the old subscribers whole, says what to do, and may pass."""
    path = tmp_path / "ledger.db"
    directory = SqliteDirectory(path)
    directory.add([ADA])
    with directory._database.transaction() as database:
        [(pages,)] = database.execute("PRAGMA page_count").fetchall()
    directory._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="Free space") as full:
        directory.add(_readers(5000))
    assert full.value.retryable
    assert list(directory.subscribers()) == [ADA]
    directory._database.execute("PRAGMA max_page_count = 1000000")
    assert len(directory.add(_readers(5000))) == 5000


def test_a_writer_does_not_hold_up_readers(tmp_path):
    """While an issue is being enrolled the list can be read, and is read to the end."""
    directory = SqliteDirectory(tmp_path / "ledger.db")
    directory.add([ADA, BO])
    with SqliteDirectory(tmp_path / "ledger.db")._database.transaction() as database:
        database.execute("DELETE FROM subscriber")
        assert list(directory.subscribers()) == [ADA, BO]
    assert list(directory.subscribers()) == []


def test_the_first_readers_cost_the_same_however_many_follow(tmp_path):
    """A page of 20,000 subscribers takes as many steps of SQLite's machine as one of 2,000."""
    steps = {}
    for count in (2000, 20_000):
        directory = SqliteDirectory(tmp_path / f"{count}.db")
        directory.add(_readers(count))
        taken = steps[count] = []
        directory._database._database.set_progress_handler(lambda taken=taken: taken.append(1), 100)
        next(directory.subscribers())
        next(directory.matching("load", "BE"))
    assert len(steps[20_000]) <= 1.1 * len(steps[2000])


def test_a_long_list_fills_no_memory(tmp_path):
    """Reading 20,000 subscribers holds no more than a page of them at any time."""
    directory = SqliteDirectory(tmp_path / "ledger.db")
    directory.add(_readers(20_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in directory.subscribers()) == 20_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2_000_000


_NAMES = st.sampled_from(["a", "b", "ab", "a_b", "abc", "A", "B", "AB"])
_CHOICES = st.lists(_NAMES, max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(choices=st.lists(st.tuples(_CHOICES, _CHOICES), max_size=8), newsletter=_NAMES, zone=_NAMES)
def test_sqlite_chooses_as_subscribers_do(choices, newsletter, zone, tmp_path_factory):
    """The database's way to say who gets an issue is `Subscriber.wants`, for any choices."""
    directory = SqliteDirectory(tmp_path_factory.mktemp("home") / "ledger.db")
    readers = [
        Subscriber("R", f"r{number}@reader.example", newsletters, zones)
        for number, (newsletters, zones) in enumerate(choices)
    ]
    directory.add(readers)
    wanted = [reader for reader in readers if reader.wants(newsletter, zone)]
    assert list(directory.matching(newsletter, zone)) == wanted

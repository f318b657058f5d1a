"""The subscribers' file: who is in, who is refused and why."""

import csv
import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.delivery import encode, subscribers_import
from flows.delivery.directory import open_directory
from flows.delivery.ledger import open_ledger
from flows.delivery.subscribers import Subscriber, SubscriberState, address
from flows.delivery.subscribers_csv import COLUMNS, COLUMNS_WITH_STATE, export, read
from flows.delivery.subscribers_import import Report, import_file
from flows.errors import StorageError, SubscriberError

HEADER = ",".join(COLUMNS) + "\n"
WITH_STATE = ",".join(COLUMNS_WITH_STATE) + "\n"


@pytest.fixture
def place(tmp_path):
    """Name an empty ledger."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def importing(tmp_path, place):
    """Import a text as a file: give the report and every refused line."""

    def _importing(text, into=place, progress=None):
        source = tmp_path / "import.csv"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        refused = []
        report = import_file(
            source,
            open_directory(into),
            open_ledger(into),
            report_refusal=refused.append,
            progress=progress,
        )
        assert report.refused == len(refused)
        return report, refused

    return _importing


def _all(place):
    return list(open_directory(place).subscribers())


def _exported(place):
    text = io.StringIO()
    export(open_directory(place).subscribers(), text)
    return text.getvalue()


def test_an_import_is_read_back(importing, place):
    """What was imported is what later runs load: names, addresses, newsletters and zones."""
    report, _ = importing(HEADER + "Ada,ada@reader.example,load; wind_solar,DE_LU\n")
    assert report == Report(added=1, known=0, refused=0)
    assert _all(place) == [
        Subscriber("Ada", "ada@reader.example", ("load", "wind_solar"), ("DE_LU",))
    ]


def test_a_second_import_adds_nobody_twice(importing, place):
    """Case and the IDN spelling of the domain make no second reader; the first one stays."""
    importing(HEADER + "Ada,ada@bücher.example,,\n")
    report, _ = importing(HEADER + "A,ADA@xn--bcher-kva.example,,\nB,b@reader.example,,\n")
    assert report == Report(added=1, known=1, refused=0)
    assert [reader.name for reader in _all(place)] == ["Ada", "B"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("Ada,ada@@reader.example,,", "no address"),
        ("Ada,ada,,", "no address"),
        ("Ada,,,", "no address"),
        ('Ada,"ada@reader.example\r\nBcc: x@y.example",,', "no address"),
        ("Ada,ada@reader.example\x00,,", "no address"),
        ("Ada," + "a" * 300 + "@reader.example,,", "no address"),
        ("Ada,Ada <ada@reader.example>,,", "no address"),
        ('"Ada\r\nBcc: x@y.example",ada@reader.example,,', "control characters"),
        ("Ada\x00,ada@reader.example,,", "control characters"),
        ("Ada \u202egro,ada@reader.example,,", "control characters"),
        ("Ada,ädä@reader.example,,", "no address"),
        ("Ada,ada@reader.example", "2 columns"),
        ("Ada,ada@reader.example,,,,", "6 columns"),
        ("x" * 101 + ",ada@reader.example,,", "too long"),
        ("Ada,ada@reader.example,wind-solar,", "'wind-solar' is no name of a newsletter"),
        ("Ada,ada@reader.example,,10YBE----------2", "'10YBE----------2' is no name of a zone"),
        ("Ada,ada@reader.example," + "load;" * 401 + ",", "more newsletters than"),
        ('Ada,ada@reader.example,"load",x"', "no name of a zone"),
        ('"Ada" Lovelace,ada@reader.example,,', "not CSV"),
        ('"Ada,ada@reader.example,,', "not CSV"),
        ("Ada," + "x" * 20_000, "more than 10000 characters"),
    ],
)
def test_a_bad_line_is_refused_alone(importing, place, row, why):
    """A refused line is named with its number and reason; the lines around it are taken."""
    report, [refused] = importing(
        HEADER + "First,first@reader.example,,\n" + row + "\nLast,last@reader.example,,\n"
    )
    assert report == Report(added=2, known=0, refused=1)
    assert [reader.name for reader in _all(place)] == ["First", "Last"]
    assert refused.data["line"] == 3
    assert str(refused).startswith("line 3 is refused: ")
    assert why in str(refused)
    assert "\n" not in str(refused)


@given(
    junk=st.text(st.sampled_from('",;\r\n\0 "@') | st.characters(exclude_categories=["Cs"])),
    before=st.integers(1, 15),
    after=st.integers(1, 15),
)
def test_no_line_takes_others_with_it(junk, before, after):
    """Whatever stands between them, the lines before and after are read, once and in order."""
    lines = [f"R{number},r{number}@reader.example,," for number in range(before + after)]
    parts = [*lines[:before], junk.replace("reader.example", ""), *lines[before:]]
    text = HEADER + "\n".join(parts) + "\n"
    found = [line for line in read(io.StringIO(text, newline="")) if isinstance(line, tuple)]
    emails = [reader.email for _, reader in found if reader.email.endswith("@reader.example")]
    assert emails == [f"r{number}@reader.example" for number in range(before + after)]
    physical = list(io.StringIO(text, newline=""))
    assert all(
        f"{reader.email}," in physical[number - 1].lower() for number, reader in found[:before]
    )


def test_a_name_can_not_smuggle_in_a_line(importing):
    """A line break inside a quoted name begins no line of its own: the record is refused whole."""
    report, [refused] = importing(HEADER + '"Ada\nEve,eve@evil.example,,\n",ada@reader.example,,\n')
    assert (report.added, refused.data["line"]) == (0, 2)


@pytest.mark.parametrize(("end", "mark"), [("\n", b""), ("\r\n", b"\xef\xbb\xbf"), ("\r", b"")])
def test_every_kind_of_line_end_is_read(importing, place, end, mark):
    """Files of any system are read: LF, CRLF or CR, with a byte order mark or without."""
    text = end.join(["name,email,newsletters,zones", "Zoë,zoe@reader.example,,", "B,b,,", ""])
    report, [refused] = importing(mark + text.encode())
    assert report.added == 1
    assert refused.data["line"] == 3
    assert _all(place)[0].name == "Zoë"


def test_the_same_address_twice_in_one_file_is_refused(importing, monkeypatch):
    """The second line of one reader is refused and named, not merged in silence."""
    monkeypatch.setattr(subscribers_import, "_BATCH", 2)
    between = "".join(f"R,r{number}@reader.example,,\n" for number in range(5))
    report, refused = importing(
        HEADER + "A,a@reader.example,,\n\n" + between + "B,A@READER.example,,\n"
        "C,c@bücher.example,,\nD,c@xn--bcher-kva.example,,\n"
    )
    assert report.added == 7
    assert [error.data["line"] for error in refused] == [9, 11]
    assert "a@reader.example is in line 2, too" in str(refused[0])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"email\n",
        b"a;b\n",
        b'"name\n',
        b"\xff\xfename",
        HEADER.encode("utf-16"),
        f"{HEADER}A,a@reader.example,,\nJosé,jose@reader.example,,\n".encode("latin-1"),
        f"{HEADER}A,a@reader.example,,\nJosé".encode()[:-1],
    ],
)
def test_what_is_no_subscribers_file_is_refused_whole(importing, place, text):
    """Without the four columns, or not as UTF-8, nothing is imported."""
    with pytest.raises(SubscriberError):
        importing(text)
    assert _all(place) == []


def test_an_unclosed_quote_is_one_refused_line(importing):
    """Broken CSV is said with its line; what stood before and after it is kept."""
    good = "".join(f"R{number},r{number}@reader.example,,\n" for number in range(30))
    report, [refused] = importing(HEADER + 'A,a@reader.example,,\n"B,b@reader.example,,\n' + good)
    assert report.added == 31
    assert refused.data["line"] == 3
    assert "not CSV: a quote is opened and not closed" in str(refused)


def test_an_endless_line_fills_no_memory():
    """Of a line without an end no more than a piece is held, and the line after it is read."""
    asked = []

    class Endless(io.StringIO):
        def readline(self, size=-1):
            asked.append(size)
            return super().readline(size)

    file = Endless(HEADER + "x" * 500_000 + "\nLast,last@reader.example,,\n", newline="")
    refused, last = read(file)
    assert "more than" in str(refused)
    assert last == (3, Subscriber("Last", "last@reader.example"))
    assert 0 < min(asked) <= max(asked) < 20_000


def test_a_file_that_can_not_be_read_is_said(tmp_path, place, monkeypatch):
    """What is no file is a mistake of the user; one that can't be read may be readable later."""
    directory, ledger = open_directory(place), open_ledger(place)
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SubscriberError, match="there is no file"):
            import_file(missing, directory, ledger, report_refusal=print)
    source = tmp_path / "readers.csv"
    source.write_text(HEADER)

    def _fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.open", _fail)
    with pytest.raises(StorageError, match="Input/output error"):
        import_file(source, directory, ledger, report_refusal=print)


def test_an_import_that_was_cut_off_can_be_run_again(importing, place, monkeypatch):
    """What was added before the fault stays; the same import again adds the rest."""
    monkeypatch.setattr(subscribers_import, "_BATCH", 2)
    text = HEADER + "".join(f"R,r{number}@reader.example,,\n" for number in range(5))

    def _fail(_done, _size):
        raise StorageError("the disk is full", remedy="Free space.", path=place)

    with pytest.raises(StorageError):
        importing(text, progress=_fail)
    assert len(_all(place)) == 2
    report, _ = importing(text)
    assert report == Report(added=3, known=2, refused=0)


def test_progress_ends_at_the_files_size(importing, monkeypatch):
    """Who watches is told how many bytes are read, batch by batch, up to all of them."""
    monkeypatch.setattr(subscribers_import, "_BATCH", 100)
    text = HEADER + "".join(f"Ré,r{number}@reader.example,,\n" for number in range(1000))
    told = []
    importing(text, progress=lambda done, size: told.append((done, size)))
    size = len(text.encode())
    assert len(told) == 10
    assert told[-1] == (size, size)
    assert told == sorted(told)
    assert told[0][0] < size


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced: 550 5.1.1 unknown user"])
def test_nobody_is_subscribed_again_without_their_own_word(importing, place, reason):
    """A line whose address unsubscribed or bounced is refused with that reason, known or not."""
    importing(HEADER + "Ada,ada@reader.example,,\n")
    for email in ("ada@reader.example", "bo@reader.example"):
        open_ledger(place).suppress(email, reason)
    report, refused = importing(
        HEADER + "A,ada@reader.example,,\nB,BO@reader.example,,\nC,c@reader.example,,\n"
    )
    assert report == Report(added=1, known=0, refused=2)
    assert [error.data["line"] for error in refused] == [2, 3]
    assert all(reason in str(error) for error in refused)
    assert [reader.email for reader in open_directory(place).matching("load", "NL")] == [
        "c@reader.example"
    ]
    importing(WITH_STATE + "B,bo@reader.example,,,active\n")
    assert open_directory(place).find("bo@reader.example") is None


def test_an_export_imported_elsewhere_is_the_same_list(importing, tmp_path, place):
    """Readers, choices and states move to another ledger; where it came from nothing changes."""
    importing(
        HEADER + '"Lovelace, Ada ""Countess""",ada@reader.example,load;wind_solar,DE_LU;BE\n'
        "Bo,bo@reader.example,,\nCy,cy@reader.example,,\nDi,di@reader.example,,\n"
    )
    ledger = open_ledger(place)
    ledger.suppress("bo@reader.example", "unsubscribed")
    ledger.suppress("cy@reader.example", "bounced: 550 5.1.1 unknown user")
    ledger.suppress("di@reader.example", "complained")
    listed = _exported(place)
    assert listed.splitlines()[0] == "name,email,newsletters,zones,state"
    assert [row["state"] for row in csv.DictReader(io.StringIO(listed))] == [
        *("active", "unsubscribed", "bounced", "suppressed")
    ]
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert importing(listed, into=elsewhere)[0] == Report(added=4, known=0, refused=0)
    assert _exported(elsewhere) == listed
    assert importing(listed)[0] == Report(added=0, known=4, refused=0)
    assert _exported(place) == listed
    assert ledger.suppressed("cy@reader.example") == "bounced: 550 5.1.1 unknown user"


def test_an_import_never_makes_anybody_active_halfway(importing, place, monkeypatch):
    """An import that dies between the two writes leaves nobody active who had unsubscribed."""
    from flows.delivery.directory_sqlite import SqliteDirectory

    def _fail(*_):
        raise StorageError("the disk is full", remedy="Free space.", path=place)

    with monkeypatch.context() as broken:
        broken.setattr(SqliteDirectory, "add", _fail)
        with pytest.raises(StorageError):
            importing(WITH_STATE + "Bo,bo@reader.example,,,unsubscribed\n")
    assert open_ledger(place).suppressed("bo@reader.example") == "unsubscribed"


def test_an_unknown_state_is_refused(importing, place):
    """A slip in the column `state` neither adds nor suppresses; an empty one means active."""
    report, [refused] = importing(
        WITH_STATE + "A,a@reader.example,,,activ\nB,b@reader.example,,, Unsubscribed\n"
        "C,c@reader.example,,,\n"
    )
    assert "'activ' is no state" in str(refused)
    assert report.added == 2
    assert [reader.state for reader in _all(place)] == ["unsubscribed", "active"]


def test_states_are_the_ledgers_reasons():
    """The first word of the ledger's reason is the state; an unheard-of reason suppresses too."""
    states = {
        None: SubscriberState.ACTIVE,
        "unsubscribed": SubscriberState.UNSUBSCRIBED,
        "bounced: 550 5.1.1 unknown user": SubscriberState.BOUNCED,
        "complained": SubscriberState.SUPPRESSED,
        "active": SubscriberState.SUPPRESSED,
        "": SubscriberState.SUPPRESSED,
    }
    assert {reason: SubscriberState.of(reason) for reason in states} == states


def test_readers_get_what_they_asked_for():
    """Empty means all; otherwise newsletter and zone must both match, in any case of letters."""
    everything = Subscriber.of("A", "a@reader.example")
    one = Subscriber.of("B", "b@reader.example", "Load", " nl; be ")
    assert everything.wants("load", "NL")
    assert one.wants("load", "NL")
    assert one.wants("load", "BE")
    assert not one.wants("load", "FR")
    assert not one.wants("prices", "NL")


@given(st.emails() | st.text() | st.text("abAZ09.@-_+'\"<>\r\n ü"))
def test_an_address_can_stand_in_a_mail(text):
    """What is taken as an address needs no quotes, is in lower case, and stays as it is."""
    try:
        email = address(text)
    except SubscriberError:
        return
    assert encode.is_address(email)
    assert email == email.lower() == address(email)


def test_subscribers_are_cheap_to_import():
    """Commands that ask for subscribers load neither pandas, Prefect, AWS nor notebooks."""
    script = (
        "import sys, flows.cli.subscribers, flows.delivery.subscribers_import;"
        "print(*{'pandas', 'prefect', 'boto3', 'flows.issue', 'nbformat', 'dns'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""

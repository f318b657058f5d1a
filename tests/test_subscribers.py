"""The subscribers' file: who is in, who is refused and why."""

import pytest

from flows.delivery.subscribers import COLUMNS, Subscriber, import_file, load, matching
from flows.errors import StorageError, SubscriberError

HEADER = ",".join(COLUMNS) + "\n"


def _import(tmp_path, text, into="subscribers.csv"):
    source = tmp_path / "import.csv"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_file(source, tmp_path / into)


def test_an_import_is_read_back(tmp_path):
    """What was imported is what later runs load: names, addresses, newsletters and zones."""
    report = _import(tmp_path, HEADER + "Ada,ada@reader.example,load; wind_solar,DE_LU\n")
    assert (report.added, report.known, report.refused) == (1, 0, ())
    (reader,) = load(tmp_path / "subscribers.csv")
    assert reader == Subscriber("Ada", "ada@reader.example", ("load", "wind_solar"), ("DE_LU",))


def test_a_second_import_adds_nobody_twice(tmp_path):
    """Case and the IDN spelling of the domain make no second reader."""
    _import(tmp_path, HEADER + "Ada,ada@bücher.example,,\n")
    report = _import(tmp_path, HEADER + "A,ADA@xn--bcher-kva.example,,\nB,b@reader.example,,\n")
    assert (report.added, report.known) == (1, 1)
    assert len(load(tmp_path / "subscribers.csv")) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("Ada,ada@@reader.example,,", "no address"),
        ("Ada,ada,,", "no address"),
        ("Ada,,,", "no address"),
        ('Ada,"ada@reader.example\r\nBcc: x@y.example",,', "no address"),
        ('"Ada\r\nBcc: x@y.example",ada@reader.example,,', "control characters"),
        ("Ada\x00,ada@reader.example,,", "control characters"),
        ("Ada,ädä@reader.example,,", "no address"),
        ("Ada,ada@reader.example", "2 columns"),
        ("Ada,ada@reader.example,,,,", "6 columns"),
        ("x" * 101 + ",ada@reader.example,,", "too long"),
    ],
)
def test_a_bad_line_is_refused_alone(tmp_path, row, why):
    """A refused line is named with its number and reason; the lines around it are taken."""
    report = _import(
        tmp_path, HEADER + "First,first@reader.example,,\n" + row + "\nLast,last@reader.example,,\n"
    )
    assert report.added == 2
    (refused,) = report.refused
    assert why in str(refused)
    assert refused.data["line"] >= 3
    assert "\n" not in str(refused)


def test_the_same_address_twice_in_one_file_is_refused(tmp_path):
    """The second line of one reader is refused and named, not merged in silence."""
    report = _import(tmp_path, HEADER + "A,a@reader.example,,\n\nB,A@reader.example,,\n")
    assert report.added == 1
    assert report.refused[0].data["line"] == 4


@pytest.mark.parametrize("text", ["", "email\n", "a;b\n", b"\xff\xfename", HEADER.encode("utf-16")])
def test_what_is_no_subscribers_file_is_refused_whole(tmp_path, text):
    """Without the four columns, or not as UTF-8, nothing is imported."""
    with pytest.raises(SubscriberError):
        _import(tmp_path, text)
    assert not (tmp_path / "subscribers.csv").exists()


def test_an_unclosed_quote_ends_the_import_with_a_line(tmp_path):
    """Broken CSV is said; what stood before it is kept."""
    report = _import(tmp_path, HEADER + 'A,a@reader.example,,\n"B,b@reader.example,,\n')
    assert report.added == 1
    assert "not CSV" in str(report.refused[0])


def test_a_file_that_can_not_be_replaced_keeps_the_old_one(tmp_path, monkeypatch):
    """A full disk or a lost right leaves the old subscribers whole, and no rubbish."""
    _import(tmp_path, HEADER + "A,a@reader.example,,\n")
    monkeypatch.setattr("os.fsync", lambda _fd: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StorageError, match="No space left"):
        _import(tmp_path, HEADER + "B,b@reader.example,,\n")
    assert [r.email for r in load(tmp_path / "subscribers.csv")] == ["a@reader.example"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["import.csv", "subscribers.csv"]


def test_readers_get_what_they_asked_for():
    """Empty means all; otherwise newsletter and zone must both match."""
    everything = Subscriber("A", "a@reader.example")
    one = Subscriber("B", "b@reader.example", ("load",), ("NL", "BE"))
    assert matching([everything, one], "load", "NL") == (everything, one)
    assert matching([everything, one], "load", "FR") == (everything,)
    assert matching([everything, one], "prices", "NL") == (everything,)


def test_no_file_means_no_subscribers(tmp_path):
    """A fresh home delivers to nobody and does not fail."""
    assert load(tmp_path / "none.csv") == ()

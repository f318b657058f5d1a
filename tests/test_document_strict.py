"""What is no sound market document: a typed error with line and element, and soon."""

from __future__ import annotations

import pytest

from documents import (
    DE_LU,
    DECLARATION,
    NAMESPACES,
    area,
    border,
    brief,
    document,
    element,
    into,
    period,
    point,
    price_document,
    prices,
    series,
    soon,
)
from flows.document import read
from flows.document.market import MAX_ZONES
from flows.document.strict_xml import MAX_XML_BYTES
from flows.errors import DocumentError

HOUR = {"start": "2024-06-14T22:00Z", "end": "2024-06-14T23:00Z"}


def refuse(xml: str | bytes, match: str) -> DocumentError:
    """Return the DocumentError that `xml` gives within a second."""
    with soon(), pytest.raises(DocumentError, match=match) as caught:
        read(xml)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("1,5", "is no decimal number: '1,5'"),
        ("1e400", "is too large a number"),
        ("-1e999", "is too large a number"),
        ("INF", "is no decimal number"),
        ("NaN", "is no decimal number"),
        ("1_000", "is no decimal number"),
        ("0x10", "is no decimal number"),
        ("١٢", "is no decimal number"),
        ("1 2", "is no decimal number"),
        ("1\n2", "is no decimal number"),
        ("", "is no decimal number"),
        ("<script>alert(1)</script>", "is no decimal number"),
        ("{{7*7}}", "is no decimal number"),
        ("9" * 100_000 + "x", "is no decimal number"),
    ],
    ids=brief,
)
def test_values_are_finite_decimal_numbers(number, says):
    """A value that is anything else is an error that names its line and its element."""
    text = document(series([1, number, 3])).replace("<Point>", "\n<Point>")
    error = refuse(text, says)
    assert (error.data["line"], error.data["element"]) == (4, "quantity")
    assert len(str(error)) < 1500


@pytest.mark.parametrize("number", ["1", "-0", "+1.5", ".5", "7.", "1E+2", "0e-10", "1e308"])
def test_decimal_numbers_have_many_spellings(number):
    """What Java's and Python's decimals write is a number."""
    (found,) = read(document(series([number], **HOUR)))
    assert found.frame["value"].tolist() == [float(number)] * 4


@pytest.mark.parametrize("position", ["0", "-1", "1.0", "one", "", "٣", "1e0", "9" * 30])
def test_positions_are_whole_numbers_from_one(position):
    """A position that is anything else is an error."""
    error = refuse(
        document(series(period(point(position, element("quantity", 1))))), "is no position"
    )
    assert error.data["element"] == "position"


@pytest.mark.parametrize("curve", ["A01", "A03"])
def test_positions_stay_within_their_period(curve):
    """A position beyond the end of its period is an error, in either curve type."""
    refuse(document(series({1: 1, 97: 2}, curve=curve)), "has position 97, but only 96 places")


def test_a_position_comes_once():
    """The same position twice is an error, also with the same value."""
    twice = period(point(2, element("quantity", 5)) * 2)
    refuse(document(series(twice)), "has position 2 twice")
    refuse(document(series(period(point(2) * 2))), "has position 2 twice")


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ("<Point><quantity>1</quantity></Point>", "<Point> has no <position> or more than one"),
        ("<Point><position>1</position><position>2</position></Point>", "or more than one"),
        (point(1, element("quantity", 1) * 2), "<quantity> comes twice in one point"),
        (point(1, '<x:quantity xmlns:x="urn:x">9</x:quantity>'), "another namespace"),
        ("", "<Period> has no <Point>"),
        ("<Point><position>2<x/></position></Point>", "<Point> has no <position> or more than one"),
        (
            point(1, element("quantity", 1)) + "<Point><position>2<x/></position></Point>",
            "<position> has elements in it",
        ),
        (
            point(1, element("quantity", 1)) + point(2, "<quantity>2<x/>3</quantity>"),
            "<quantity> has elements in it",
        ),
    ],
    ids=brief,
)
def test_points_are_whole(points, says):
    """A point has one position, no value twice, and no element of another namespace."""
    refuse(document(series(period(points or "<!-- -->"))), says)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<resolution>PT15M</resolution>", "", "<Period> has no <resolution>"),
        ("PT15M", "PT0S", "is no resolution"),
        ("PT15M", "15min", "is no resolution"),
        ("PT15M", "P", "is no resolution"),
        ("PT15M", "PT", "is no resolution"),
        ("PT15M", "P1DT1H", "is no resolution"),
        ("PT15M", "-PT15M", "is no resolution"),
        ("PT15M", "PT7M", "is no whole number of PT7M"),
        ("<businessType>A94</businessType>", "", "has no <businessType>"),
        ("<businessType>A94", "<businessType>../x", "<businessType> is malformed"),
        ("<psrType>B16", "<psrType>&lt;script&gt;", "<MktPSRType> is malformed"),
        ("<curveType>A03", "<curveType>A05", "curve type that is not read here: A05"),
        (f">{DE_LU}<", ">../../etc<", "malformed: '../../etc'"),
        (area("inBiddingZone_Domain", DE_LU), "", "names no bidding zone or area"),
        ("<type>A69</type>", "", "has no <type>"),
        ("<type>A69", "<type>{{7*7}}", "<type> is malformed"),
        ("<mRID>document-1</mRID>", "", "has no <mRID>"),
        ("<mRID>document-1", "<mRID>two words", "<mRID> is malformed"),
        ("<revisionNumber>1", "<revisionNumber>one", "<revisionNumber> is malformed"),
        ("<revisionNumber>1", "<revisionNumber>-1", "<revisionNumber> is malformed"),
        ("<createdDateTime>2024-06-14T16:00:00Z</createdDateTime>", "", "has no <createdDateTime>"),
        ("2024-06-14T16:00:00Z", "2024-06-14T16:00:00", "is no time"),
        ("2024-06-14T16:00:00Z", "yesterday", "is no time"),
        ("time_Period.timeInterval", "x", "has no time interval"),
        (">2024-06-15T22:00Z<", ">2024-06-14T22:00Z<", "is not after the start"),
        (">2024-06-15T22:00Z<", ">2024-13-45T22:00Z<", "is no time"),
        (">2024-06-15T22:00Z<", ">9999-06-15T22:00Z<", "is no time from 1990 to 2199"),
        (">2024-06-14T22:00Z<", ">0001-06-14T22:00Z<", "is no time from 1990 to 2199"),
    ],
    ids=brief,
)
def test_fields_are_there_and_well_formed(old, new, says):
    """A missing or malformed field is an error that says which."""
    text = document(series([1, 2, 3]))
    assert old in text
    refuse(text.replace(old, new), says)


def test_a_series_has_a_period():
    """A TimeSeries without any period is an error, not an empty series."""
    refuse(document(series([1]), series()), "<TimeSeries> has no <Period>")


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ("", "not well-formed"),
        ("no xml", "not well-formed"),
        (b"\xff\xfe\x00", "not well-formed"),
        (document(series([1])).replace("quantity>1", "quantity>\x00"), "not well-formed"),
        (document(series([1])).replace("quantity>1", "quantity>&#0;"), "not well-formed"),
        (document(series([1])).replace("quantity>1", "quantity>\ud800"), "not well-formed"),
        (document(series([1])).encode("utf-16"), "not well-formed"),
        (document(series([1])) * 2, "not well-formed"),
        ("<html><body>502 Bad Gateway</body></html>", "<html> is no market document"),
        ("<GL_MarketDocument><x:TimeSeries/></GL_MarketDocument>", "not well-formed"),
    ],
    ids=brief,
)
def test_what_is_no_market_document_is_an_error(xml, says):
    """Anything that is not one well-formed market document in UTF-8 is an error."""
    refuse(xml, says)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))


@pytest.mark.parametrize(
    "doctype",
    [
        f"<!DOCTYPE GL_MarketDocument [{LAUGHS}]>",
        '<!DOCTYPE GL_MarketDocument [<!ENTITY l11 SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE GL_MarketDocument [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE GL_MarketDocument SYSTEM "http://127.0.0.1:9/x.dtd">',
        "<!DOCTYPE GL_MarketDocument>",
    ],
    ids=["billion laughs", "external entity", "parameter entity", "external DTD", "empty"],
)
def test_no_document_has_a_doctype(doctype):
    """A document type declaration is refused whatever it holds, before any of it is used."""
    text = document(series(["&l11;"])).replace("&amp;", "&")
    error = refuse(text.replace(DECLARATION, DECLARATION + doctype), "document type declaration")
    assert error.data["element"] == "!DOCTYPE"


def test_nesting_is_bounded():
    """200,000 nested elements are refused, at the root and within a point."""
    deep = "<a>" * 200_000 + "</a>" * 200_000
    refuse(deep, "not well-formed")
    refuse(document(series(period(point(1, deep)))), "not well-formed")


def test_length_is_bounded():
    """50 MB are refused."""
    refuse(b"<GL_MarketDocument>" + b" " * 50_000_000, "bytes, more than")
    refuse("<GL_MarketDocument>" + " " * (MAX_XML_BYTES + 1), "bytes, more than")


@pytest.mark.parametrize("resolution", ["PT4S", "PT1M", "P1D", "P1M"])
def test_seven_thousand_years_are_refused(resolution):
    """A period of 7000 years is refused before it is expanded, at any resolution."""
    long = series([1], start="2000-01-01T00:00Z", end="9000-01-01T00:00Z", resolution=resolution)
    refuse(document(long), "is no time from 1990 to 2199")


def test_the_number_of_values_is_bounded():
    """What expands to more than two million values is refused first: one period, or many."""
    century = {"start": "2000-01-01T00:00Z", "end": "2099-01-01T00:00Z"}
    refuse(document(series([1], resolution="PT1M", **century)), "over 2,000,000 values")
    year = {"start": "2024-01-01T00:00Z", "end": "2025-01-01T00:00Z", "resolution": "PT1M"}
    many = "".join(series([1], psr_type=f"B{n:02}", **year) for n in range(1, 10))
    refuse(document(many), "over 2,000,000 values")


def test_the_number_of_zones_is_bounded():
    """A document about more zones than there are in Europe is refused."""
    zones = (series([1], where=into(f"10Y{n:012}A"), **HOUR) for n in range(MAX_ZONES + 1))
    refuse(document("".join(zones)), f"more than {MAX_ZONES}")


def test_many_overlapping_periods_take_no_long_time():
    """Ten thousand periods that all overlap are settled in time, the last one on top."""
    day = [period([n], resolution="P1D") for n in range(10_000)]
    with soon(10):
        (found,) = read(document(series(*day)))
    assert found.frame["value"].tolist() == [9_999]


def test_names_from_a_document_are_inert():
    """Markup and line breaks in names reach no log line as such; a zone code is a safe slug."""
    text = price_document(prices([1], **HOUR)).replace(DE_LU, "10Y-UNKNOWN-AREA")
    (found,) = read(text)
    assert (found.zone.code, found.zone.name) == ("10Y-UNKNOWN-AREA", "10Y-UNKNOWN-AREA")
    nasty = document(
        "<Reason><code>999</code><text>a&#10;b&#13;&lt;script&gt;{{7*7}}\u202e</text></Reason>",
        family="Acknowledgement",
    )
    ((code, reason),) = read(nasty).reasons
    assert (code, reason) == ("999", "a b <script>{{7*7}}")


def test_an_empty_document_is_none():
    """A document without a TimeSeries is no document, and no error."""
    assert read(document()) == ()
    assert read(f'<GL_MarketDocument xmlns="{NAMESPACES["GL"]}"/>') == ()


def test_a_border_needs_sound_areas():
    """A malformed counter zone is an error just as a malformed zone is."""
    text = document(series([1], where=border(DE_LU, "bad eic")), document_type="A11")
    refuse(text, "<out_Domain.mRID> is malformed")

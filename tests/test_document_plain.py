"""Plain points, read by libxml2 into arrays: the same values and errors as one by one."""

from __future__ import annotations

from itertools import product
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.machine import in_fresh_process
from benchmarks.reader import weigh
from documents import START, document, element, interval, period, point, prices, series, soon
from flows.document import plain_points, points, read
from flows.errors import DocumentError

END = "2024-06-14T23:00Z"
NUMBERS = ("1", "-3.5", ".5", "1e3", "1e400", "", " 2 ", "\n5\n", "x", "1\n2", "NaN", "&#49;2")
NUMBERS += ("1<!-- c -->2", "1<?p i?>2", "<![CDATA[4]]>", "1<![CDATA[2]]>3", "1<x/>2", "<x/>")
POSITIONS = ("1", "2", "3", "4", "5", "0", " 2", "2<x/>", "<x/>", "", "&#51;")
BETWEEN = ("", "", "", " ", "<!-- c -->", "text", "<Reason/>", "<quantity>1</quantity>")
FORMS = (
    "<Point><position>{0}</position><quantity>{1}</quantity></Point>",
    "<Point><quantity>{1}</quantity><position>{0}</position></Point>",
    "<Point><position>{0}</position></Point>",
    "<Point><position>{0}</position><position>{0}</position></Point>",
    "<Point><quantity>{1}</quantity><quantity>{1}</quantity></Point>",
    "<Point><position>{0}</position><price.amount>{1}</price.amount></Point>",
    (
        "<Point><position>{0}</position><quantity>{1}</quantity><secondaryQuantity>{1}"
        "</secondaryQuantity></Point>"
    ),
    '<o:Point xmlns:o="urn:o"><position>{0}</position><quantity>{1}</quantity></o:Point>',
    '<Point><position>{0}</position><o:quantity xmlns:o="urn:o">{1}</o:quantity></Point>',
    "<Point/>",
)


def outcome(xml):
    """What `read` makes of a document: its values, or what it says is wrong."""
    try:
        (found,) = read(xml)
    except DocumentError as error:
        return str(error)
    return found.frame


def one_by_one(xml):
    """The same, with no point taken for plain."""
    with mock.patch.object(points, "read_plain", return_value=None):
        return outcome(xml)


def assert_same(xml):
    """Fail unless both ways lead to the same."""
    plain, slow = outcome(xml), one_by_one(xml)
    assert plain == slow if isinstance(slow, str) else plain.equals(slow)
    if not isinstance(slow, str):
        assert plain.dtypes.equals(slow.dtypes)


def is_plain(body, **of_series):
    """Say whether the points of this period are read as plain ones."""
    with mock.patch.object(points, "read_plain", wraps=plain_points.read_plain) as asked:
        seen = []
        asked.side_effect = lambda *given: seen.append(plain_points.read_plain(*given)) or seen[-1]
        outcome(document(series(body, **of_series)))
    return seen[0] is not None


def hour(*content):
    """A document with one period of four quarter-hours with this in it."""
    body = (
        f"<Period>{interval(START, END)}<resolution>PT15M</resolution>{''.join(content)}</Period>"
    )
    return document(series(body))


written = st.builds(
    lambda form, position, number, after: form.format(position, number) + after,
    st.sampled_from(FORMS),
    st.sampled_from(POSITIONS),
    st.sampled_from(NUMBERS),
    st.sampled_from(BETWEEN),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(written, min_size=1, max_size=5))
def test_whatever_the_points_both_ways_agree(content):
    """Mixed and malformed points give the same values, or the same error, either way."""
    assert_same(hour(*content))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=5), st.booleans())
def test_whatever_the_numbers_both_ways_agree(numbers, priced):
    """Points that are alike, but for what stands for their numbers, read the same either way."""
    form = FORMS[5 if priced else 0]
    assert_same(hour(*(form.format(at, number) for at, number in enumerate(numbers, 1))))


def test_points_alike_by_their_counts_alone_are_not_plain():
    """Two positions here and none there, or text beside an element, are seen for what they are."""
    for first, second in product(
        ("<position>1<x/>2</position>", "<position>1</position><position>2</position>", ""),
        ("<quantity>3<x/>4</quantity>", "<quantity>3</quantity><quantity>4</quantity>", ""),
    ):
        for one, other in ((first + second, ""), (first, second)):
            content = (f"<Point>{one}</Point>", f"<Point>{other}</Point>")
            assert isinstance(outcome(hour(*content)), str)
            assert_same(hour(*content))


def test_what_the_platform_writes_most_is_plain():
    """Quantities and prices, with or without a prefix, whole or with gaps, take the fast way."""
    assert is_plain([1, 2, 3])
    assert is_plain({1: 5, 40: 7, 96: 1})
    assert is_plain([1.5, -2], value="price.amount")
    assert is_plain([1] * 96 * 2, end="2024-06-16T22:00Z")
    assert not is_plain({3: 1, 2: 2})
    assert not is_plain(period(point(1, element("quantity", 1), element("secondaryQuantity", 1))))


def test_a_prefix_or_no_namespace_is_no_hindrance():
    """The question follows the document's own namespace, one it has not seen included."""
    for text in (document(series([1, 2]), prefix="ns1"), document(series([1, 2]))):
        bare = text.replace(' xmlns="', ' xmlns="urn:another:').replace("urn:another:", "", 1)
        for xml in (text, bare, text.replace("urn:iec62325", "urn:iec9")):
            assert_same(xml)
            assert len(outcome(xml)) == 96


def test_prices_read_the_same():
    """Auctions of one zone keep unit, currency and sequence on the fast way."""
    assert_same(
        document(
            prices([1, 2, 3], sequence=1),
            prices([4, 5], sequence=2, number=2),
            family="Publication",
            document_type="A44",
            process_type=None,
        )
    )


def test_a_long_period_costs_what_its_points_do():
    """No question to libxml2 grows with the square of the points."""
    text = document(series([1] * 80_000, resolution="PT1S", end="2024-06-15T22:00Z"))
    with soon(3):
        assert len(outcome(text)) == 86_400


def test_a_tag_that_is_no_name_of_xpath_is_read_one_by_one():
    """What a hostile document calls its values never becomes part of a question."""
    assert is_plain([1, 2], value="q_Quantity.quantity")
    assert not is_plain([1, 2], value="q-x.quantity")
    assert not is_plain([1, 2], value="é.quantity")
    assert_same(document(series([1, 2], value="q-x.quantity")))


@pytest.mark.skipif("sys.platform != 'linux'", reason="the kernel's high-water mark is asked")
def test_memory_is_a_small_multiple_of_the_document():
    """Tree, values and the zone's own document together take less than 25 times its size."""
    weighed = in_fresh_process(weigh, 300)
    assert weighed["document_mb"] > 1.5
    assert weighed["peak_mb"] < 25 * weighed["document_mb"]

"""The archive is a function of the set of its issues, whatever way they came into it."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archive_examples as examples
from flows.archive import Archive, open_store


@pytest.fixture(autouse=True, scope="module")
def _no_search():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.archive.archive.Search", examples.NoSearch)
        yield


NAMES = st.sampled_from(["load", "outage_alert"])
CODES = st.sampled_from(["FI", "FR"])


class Interrupted(BaseException):
    """What a kill is to the code that it meets: nothing catches it."""


class Dying:
    """A store whose process dies before so many requests that write, or just after one."""

    def __init__(self, store, dies_at, *, after):
        self._store = store
        self._left = dies_at
        self._after = after
        self._dead = False

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if name not in {"put", "create", "update", "delete"}:
            return value

        def write(*arguments):
            if self._dead:
                raise Interrupted
            self._dead = self._left == 0
            self._left -= 1
            if self._dead and not self._after:
                raise Interrupted
            result = value(*arguments)
            if self._dead:
                raise Interrupted
            return result

        return write


@st.composite
def publications(draw):
    """Draw issues, updates, outages that move and corrections, in some order, some twice."""
    made = []
    for newsletter, code, day in draw(
        st.lists(st.tuples(NAMES, CODES, st.integers(0, 3)), min_size=1, max_size=3, unique=True)
    ):
        for revision in range(1, draw(st.integers(1, 3)) + 1):
            moved = day + draw(st.sampled_from([0, 0, 2, 40])) * (revision - 1)
            key = f"{newsletter} {code} {day}"
            made.append(examples.issue(newsletter, code, moved, revision, key=key))
        if draw(st.booleans()):
            made.append(examples.correction(made[-1][0]))
    again = draw(st.lists(st.sampled_from(made), max_size=2))
    return draw(st.permutations([*made, *again]))


def built(issues):
    """Return what a rebuild makes of issues that are there with their records and files alone."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(open_store(folder), examples.URL)
        for made in issues:
            examples.put(archive, made)
        archive.rebuild(lambda *_: None)
        return examples.contents(archive.store)


@settings(max_examples=10, deadline=None)
@given(publications())
def test_any_order_gives_the_bytes_of_a_rebuild(issues):
    """Published one by one, some twice, it is what a rebuild of the records alone gives."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(open_store(folder), examples.URL)
        for made in issues:
            examples.publish(archive, made)
        published = examples.contents(archive.store)
        assert published == built(issues)
        assert archive.rebuild(lambda *_: None).removed == 0
        assert examples.contents(archive.store) == published


@settings(max_examples=10, deadline=None)
@given(publications(), st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=6))
def test_interruptions_leave_no_trace(issues, deaths):
    """Publishers die at any write; the next one, or the same message again, makes good for it."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        for made, death in zip(issues, [*deaths, *[None] * len(issues)], strict=False):
            if death is not None:
                dies_at, after = death
                dying = Dying(store, dies_at, after=after)
                with suppress(Interrupted):
                    examples.publish(Archive(dying, examples.URL, timedelta(0)), made)
        last = Archive(store, examples.URL, timedelta(0))
        for made in issues:
            examples.publish(last, made)
        assert examples.contents(store) == built(issues)


@settings(max_examples=8, deadline=None)
@given(publications(), st.integers(0, 60), st.booleans())
def test_an_interrupted_rebuild_is_made_good_by_the_next(issues, dies_at, after):
    """Wherever it stops, a rebuild that follows gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        for made in issues:
            examples.put(Archive(store, examples.URL), made)
        with suppress(Interrupted):
            Archive(Dying(store, dies_at, after=after), examples.URL).rebuild(lambda *_: None)
        Archive(store, examples.URL).rebuild(lambda *_: None)
        assert examples.contents(store) == built(issues)


@settings(max_examples=8, deadline=None)
@given(publications(), st.data())
def test_a_rebuild_while_issues_are_published_loses_none(issues, data):
    """Issues that come at any of its steps are in it at its end."""
    cut = data.draw(st.integers(0, len(issues)))
    before, meanwhile = issues[:cut], list(issues[cut:])
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        archive = Archive(store, examples.URL)
        for made in before:
            examples.publish(archive, made)
        steps = data.draw(st.lists(st.integers(0, 5), max_size=8))

        def progress(*_):
            for _ in range(steps.pop() if steps else 0):
                if meanwhile:
                    examples.publish(archive, meanwhile.pop())

        archive.rebuild(progress)
        for made in meanwhile:
            examples.publish(archive, made)
        assert examples.contents(store) == built(issues)

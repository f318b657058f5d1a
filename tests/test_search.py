"""The search index: the same for the same issues, whole at any moment, at a bounded cost."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.archive import open_store, search, search_tasks
from flows.archive.index import Scope
from flows.archive.search_bundle import MOST_CARDS, bundle, spans
from flows.archive.search_cbor import decode, encode
from flows.archive.search_engine import STAMP, engine
from flows.archive.search_page import PAGE, search_page
from flows.archive.search_pagefind import Record, run
from flows.errors import RenderError, StorageError
from search_examples import Filled, card

pytest_plugins = ("s3_standin",)

DAY = datetime(2026, 11, 9, 23, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path):
    """What search is made of, without an issue yet."""
    return Filled(open_store(str(tmp_path / "archive")))


@pytest.fixture
def elsewhere(tmp_path):
    """The same in another folder."""
    return Filled(open_store(str(tmp_path / "elsewhere")))


def fragments(files):
    """Return what the bundle's fragments hold, by their URLs."""
    found = [
        json.loads(gzip.decompress(data).removeprefix(b"pagefind_dcd"))
        for name, data in files.items()
        if name.endswith(".pf_fragment")
    ]
    return {each["url"]: each for each in found}


def needed(files):
    """Return the names of the files that the bundle's entry leads to."""
    name = json.loads(files["pagefind-entry.json"])["languages"]["en"]["hash"]
    meta = f"pagefind.{name}.pf_meta"
    _, pages, chunks, filters, _, _ = decode(
        gzip.decompress(files[meta]).removeprefix(b"pagefind_dcd")
    )
    return {
        "pagefind-entry.json",
        meta,
        *(f"fragment/{page[0]}.pf_fragment" for page in pages),
        *(f"index/{chunk[2]}.pf_index" for chunk in chunks),
        *(f"filter/{each[1]}.pf_filter" for each in filters),
    }


def found(store, *, settled=True):
    """Return the URLs of all issues that readers can find; fail where a bundle is not whole."""
    urls = []
    for path in store.list("search/months"):
        month = path.rpartition("/")[2].removesuffix(".json")
        for name, tag in json.loads(store.get(path)).items():
            folder = f"search/bundles/{month}/{name}/"
            files = {each.removeprefix(folder): store.get(each) for each in store.list(folder)}
            assert needed(files) <= set(files)
            assert not settled or tag in files["pagefind-entry.json"].decode()
            wanted = {name: data for name, data in files.items() if name in needed(files)}
            urls += fragments(wanted)
    assert len(urls) == len(set(urls))
    return set(urls)


def urls(cards):
    """Return the URLs by which the cards are found."""
    return {f"{each.path}/index.html" for each in cards}


def shuffled(cards, seed):
    """Return the cards in another order, the same for the same `seed`."""
    return sorted(cards, key=lambda each: hashlib.sha256(f"{seed} {each.path}".encode()).digest())


def test_a_record_says_what_the_issue_says():
    """Lede, figures, place and code are searched; headline, newsletter and period are shown."""
    made = card(5, zone="DE_LU")
    (record,) = fragments(bundle([made])).values()
    for words in ("A windy night follows", "Energy: 5 GWh", "Germany – Luxembourg (DE_LU)"):
        assert words in record["content"]
    assert record["meta"] == {
        "title": "Solar peaks at 5 MW",
        "newsletter": "Wind & solar forecast",
        "place": "Germany–Luxembourg",
        "period": "Saturday 7 November 2026",
        "day": "2026-11-07",
    }
    assert record["filters"] == {"newsletter": ["wind_solar"], "zone": ["DE_LU"]}


def test_an_issue_about_a_border_is_of_both_zones():
    """Either zone's filter finds it."""
    made = card(1)
    border = made.model_copy(update={"counter_zone": card(1, zone="FR").zone})
    (record,) = fragments(bundle([border])).values()
    assert record["filters"]["zone"] == ["DE_LU", "FR"]
    assert "France → Germany – Luxembourg" in record["content"]


def test_the_same_cards_give_the_same_bytes():
    """Whatever their order, and however often: chance has no part in a bundle."""
    cards = [card(n, zone=z) for n in range(12) for z in ("DE_LU", "FR", "BE", "AT", "PL")]
    expected = bundle(cards)
    for seed in range(4):
        assert bundle(shuffled(cards, seed)) == expected
    assert needed(expected) == set(expected)


def test_a_bundle_of_nothing_is_whole():
    """Without a card there is an index all the same, with nothing in it."""
    files = bundle([])
    assert needed(files) == set(files)
    assert fragments(files) == {}


def test_a_bundle_is_as_pagefind_made_it_but_for_the_order():
    """Sorting the filters' values leaves each with the records that it had."""
    cards = [card(n, zone=z) for n in range(3) for z in ("FR", "BE", "AT")]
    files = bundle(cards)
    filters = [
        decode(gzip.decompress(data).removeprefix(b"pagefind_dcd"))
        for name, data in files.items()
        if name.endswith(".pf_filter")
    ]
    assert [name for name, _ in sorted(filters)] == ["newsletter", "zone"]
    values = dict(dict(filters)["zone"])
    assert list(values) == ["AT", "BE", "FR"]
    assert sorted(number for numbers in values.values() for number in numbers) == list(range(9))


ITEMS = st.recursive(
    st.integers(0, 2**64 - 1) | st.text(), lambda items: st.lists(items, max_size=30)
)


@given(ITEMS)
def test_cbor_comes_back(item):
    """What is encoded is decoded to the same, and no piece of it is taken for the whole."""
    data = encode(item)
    assert decode(data) == item
    for cut in (data[:-1], data + b"\0"):
        with pytest.raises(ValueError, match=r"item|cut"):
            decode(cut)


@pytest.mark.parametrize(
    ("item", "data"),
    [
        (23, "17"),
        (24, "1818"),
        (1000, "1903e8"),
        (1000000, "1a000f4240"),
        (18446744073709551615, "1bffffffffffffffff"),
        ("ü", "62c3bc"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
    ],
)
def test_cbor_is_that_of_the_standard(item, data):
    """The examples of RFC 8949, appendix A, come out as they stand there."""
    assert encode(item).hex() == data
    assert decode(bytes.fromhex(data)) == item


@given(st.dictionaries(st.integers(1, 31), st.integers(0, 400)))
def test_spans_cover_the_month(numbers):
    """Each day with an issue is in one span; a span of many issues is one day."""
    counts = {f"2026-10-{day:02}": number for day, number in numbers.items()}
    parts = list(spans("2026-10", counts))
    days = [day for span in parts for day in span.days]
    assert len(days) == len(set(days))
    assert {day for day, number in counts.items() if number} <= set(days)
    for span in parts:
        issues = sum(counts.get(day, 0) for day in span.days)
        assert issues > 0
        assert issues <= MOST_CARDS or len(span.days) == 1


def test_what_is_published_is_found(archive):
    """Issues of several months and zones are found; an update is found in place of the old."""
    cards = [card(n, zone=z) for n in range(40) for z in ("DE_LU", "FR")]
    archive.publish(cards)
    assert found(archive.store) == urls(cards)
    update = card(100, start=cards[0].start, supersedes=cards[0].issue_id)
    archive.publish([update])
    assert found(archive.store) == urls([*cards[1:], update])


@pytest.mark.parametrize("seed", range(2))
def test_the_same_issues_give_the_same_files(archive, elsewhere, seed):
    """One by one in any order, all at once, and by a rebuild: the store ends up the same."""
    zones, newsletters = ("DE_LU", "FR", "BE"), ("wind_solar", "load")
    cards = [
        card(6 * n, zone=z, newsletter=name)
        for n in range(7)
        for z in zones
        for name in newsletters
    ]
    elsewhere.publish(cards)
    for each in shuffled(cards, seed):
        archive.publish([each])
    assert archive.files() == elsewhere.files()
    list(archive.search.rebuild())
    assert archive.files() == elsewhere.files()


def test_a_month_that_grows_is_split(archive, elsewhere):
    """Beyond what a bundle may hold a month has several, and nothing is left of the one before."""
    cards = [card(n, start=DAY + timedelta(days=n % 12, minutes=n)) for n in range(MOST_CARDS + 40)]
    archive.publish(cards[:MOST_CARDS])
    assert archive.store.folders("search/bundles/2026-11") == ["2026-11-01-31"]
    for each in cards[MOST_CARDS:]:
        archive.add([each])
    archive.search.refresh([cards[-1].day.isoformat()])
    assert archive.store.folders("search/bundles/2026-11") == ["2026-11-01-16", "2026-11-17-31"]
    assert found(archive.store) == urls(cards)
    elsewhere.publish(cards)
    assert archive.files() == elsewhere.files()


class Counting:
    """A store that counts what is written and read, and dies before its `fatal`th change."""

    def __init__(self, store, fatal=-1):
        self._store = store
        self.address = store.address
        self.get, self.list, self.folders = store.get, store.list, store.folders
        self.fatal = fatal
        self.changes = 0

    def _changing(self):
        self.changes += 1
        if self.changes == self.fatal:
            raise KeyboardInterrupt

    def put(self, path, data):
        self._changing()
        self._store.put(path, data)

    def delete(self, paths):
        for path in list(paths):
            self._changing()
            self._store.delete([path])

    def update(self, path, change):
        if self.fatal and self.changes >= self.fatal > 0:
            raise KeyboardInterrupt
        return self._store.update(path, change)


def test_killed_at_any_change(archive, elsewhere, monkeypatch, tmp_path):
    """However a publisher ends, readers meet whole bundles, and the next one makes it good."""
    monkeypatch.setattr(search_tasks, "LEASE", timedelta(seconds=0.01))
    monkeypatch.setattr(search_tasks, "_PAUSE_SECONDS", 0.01)
    first = [card(n) for n in range(6)]
    elsewhere.publish(first)
    steps = 0
    published = [*first]
    for number in range(10, 60):
        new = card(number, start=DAY + timedelta(minutes=number))
        elsewhere.add([new])
        published.append(new)
        dying = Filled(Counting(elsewhere.store, fatal=number - 9))
        before = found(elsewhere.store, settled=False)
        try:
            dying.search.refresh([new.day.isoformat()])
        except KeyboardInterrupt:
            steps += 1
            assert found(elsewhere.store, settled=False) in (before, urls(published))
        else:
            break
    assert steps > 5
    elsewhere.publish([card(99)])
    published.append(card(99))
    assert found(elsewhere.store) == urls(published)
    archive.publish(published)
    assert archive.files() == elsewhere.files()


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_many_at_once(request, tmp_path, elsewhere, monkeypatch, kind):
    """Eight publishers of one month at once: all is found, though few of them do the work."""
    address = request.getfixturevalue("bucket") if kind == "bucket" else str(tmp_path / "many")
    archive = Filled(open_store(address))
    cards = [card(n) for n in range(8)]
    archive.publish([card(20)])
    archive.add(cards)
    made = []
    monkeypatch.setattr(search, "bundle", lambda cards: made.append(1) or bundle(cards))
    start = threading.Barrier(len(cards))

    def publish(each):
        start.wait()
        archive.search.refresh([each.day.isoformat()])
        assert urls([each]) <= found(archive.store)

    threads = [threading.Thread(target=publish, args=(each,)) for each in cards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) < len(cards)
    elsewhere.publish([card(20), *cards])
    assert archive.files() == elsewhere.files()


def test_what_was_noted_is_done_by_the_next(archive):
    """A day that was noted by one who was killed then is refreshed with the next of its month."""
    archive.add([card(1), card(2)])
    archive.search.note(card(1).day.isoformat())
    archive.search.refresh([card(2).day.isoformat()])
    assert found(archive.store) == urls([card(1), card(2)])


def test_a_rebuild_mends(archive, elsewhere):
    """What is damaged, missing or too much is put right by a rebuild, to the byte."""
    cards = [card(n) for n in range(40)]
    archive.publish(cards)
    elsewhere.publish(cards)
    for number, path in enumerate(sorted(archive.store.list("search"))):
        if number % 3 == 0:
            archive.store.put(path, b"damaged")
        elif number % 3 == 1:
            archive.store.delete([path])
    for path in ("search/bundles/2020-01/x/y.pf_meta", "search/months/2020-01.json"):
        archive.store.put(path, b"{}")
    assert list(archive.search.rebuild()) == ["2026-11", "2026-12"]
    assert archive.files() == elsewhere.files()


def test_a_damaged_list_stops_nobody(archive):
    """Publication goes on where the list of a month's bundles, or of its work, is damaged."""
    archive.publish([card(1)])
    archive.store.put("search/months/2026-11.json", b"[1")
    archive.store.put("search/tasks/2026-11.json", b"{")
    archive.publish([card(2)])
    assert found(archive.store) == urls([card(1), card(2)])


def test_a_lost_shard_is_said_and_nothing_is_lost(archive):
    """Where a month's shard is gone, its bundles stay as they are."""
    archive.publish([card(1)])
    for path in ("index/days/2026-11-03.json", "index/months/2026-11.json"):
        archive.store.delete([path])
        with pytest.raises(StorageError, match=f"{path} is gone"):
            archive.search.refresh(["2026-11-03"])
        assert found(archive.store) == urls([card(1)])


@pytest.mark.parametrize("binary", ["/bin/false", "/nonexistent/pagefind"])
def test_a_broken_pagefind_is_said(archive, monkeypatch, binary):
    """Without Pagefind the error says what to do, and the day is done when it is back."""
    engine()
    archive.publish([card(1)])
    archive.add([card(2)])
    with monkeypatch.context() as broken:
        broken.setenv("PAGEFIND_BINARY_PATH", binary)
        with pytest.raises(RenderError, match=r"Install pagefind\[bin\]"):
            archive.search.refresh([card(2).day.isoformat()])
    assert found(archive.store) == urls([card(1)])
    archive.publish([card(3)])
    assert found(archive.store) == urls([card(1), card(2), card(3)])


def test_what_pagefind_says_is_passed_on():
    """An error of Pagefind's own is in ours."""
    broken = Record(url="x", content=5, meta={}, filters={}, sort={})
    with pytest.raises(RenderError, match=r"Pagefind.* says: .*expected a string"):
        run([broken] * 1000)


@pytest.mark.parametrize(("kind", "many"), [("folder", 600), ("bucket", 60)])
def test_the_cost_is_that_of_a_day(request, tmp_path, kind, many):
    """An issue changes as many files among many issues as among six."""
    address = request.getfixturevalue("bucket") if kind == "bucket" else str(tmp_path)
    new, changes = card(1000, start=DAY), []
    for number in (6, many):
        archive = Filled(open_store(f"{address}/{number}"))
        archive.publish(
            [card(n // 6, start=DAY - timedelta(days=n // 6, minutes=n)) for n in range(number)]
        )
        archive.add([new])
        counting = Counting(archive.store)
        Filled(counting).search.refresh([new.day.isoformat()])
        changes.append(counting.changes)
    assert changes[0] == changes[1]


def test_the_engine_is_written_once(archive):
    """The scripts stand from the first issue on, and replace those of another version."""
    archive.publish([card(1)])
    assert archive.store.get(f"search/{STAMP}") == engine()[STAMP]
    for name, data in engine().items():
        assert archive.store.get(f"search/{name}") == data
    archive.store.delete(["search/pagefind/pagefind.js"])
    archive.store.put(f"search/{STAMP}", b"of another version")
    archive.publish([card(2)])
    assert archive.store.get("search/pagefind/pagefind.js") == engine()["pagefind/pagefind.js"]


def test_the_page_follows(archive):
    """What is published first of a newsletter, a zone or a month is offered by the page at once."""
    list(archive.search.rebuild())
    assert "DE_LU" not in archive.store.get(PAGE).decode()
    for new, offered in ((card(1), "DE_LU"), (card(40, zone="FR"), "2026-12 2026-11")):
        archive.publish([new])
        assert offered in archive.store.get(PAGE).decode()


def test_the_page_offers_what_there_is():
    """Newsletters by title, zones by name and years are to choose from; text stays text."""
    hostile = "<script>alert(1)</script>"
    cards = [card(1), card(70, zone="FR", newsletter="load", title=hostile)]
    page = search_page(Scope.of("all", "", cards)).decode()
    assert '<option value="DE_LU">Germany–Luxembourg</option>' in page
    assert "<option>2026</option>" in page
    assert "<option>2027</option>" in page
    assert 'data-months="2027-01 2026-11"' in page
    assert hostile not in page
    assert page.count("<script") == 1
    assert "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" in html.unescape(page)

"""What a folder and a bucket have in common: whole objects, once where asked, no update lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flows.archive import open_store
from flows.errors import SettingsError

pytest_plugins = ("s3_standin",)

UPDATER = Path(__file__).parent / "store_updater.py"
ROOT = Path(__file__).parent.parent


@pytest.fixture(params=["folder", "bucket"])
def address(request, tmp_path):
    """The address of an empty store: a folder, then a bucket."""
    if request.param == "bucket":
        return request.getfixturevalue("bucket")
    return str(tmp_path / "archive")


@pytest.fixture
def store(address):
    """An empty store."""
    return open_store(address)


def test_a_store_says_where_it_is(store, address):
    """Its address is the one that it was opened with."""
    assert store.address == address


def test_create_writes_once(store):
    """The second `create` of a path changes nothing and says so, even with equal bytes."""
    assert store.create("a/b.txt", b"first")
    assert not store.create("a/b.txt", b"second")
    assert not store.create("a/b.txt", b"first")
    assert store.get("a/b.txt") == b"first"


def test_put_replaces(store):
    """`put` writes over what stands."""
    store.put("a.txt", b"first")
    store.put("a.txt", b"second")
    assert store.get("a.txt") == b"second"


def test_one_of_many_creators_wins(store):
    """Of twenty threads that create a path, just one is told that it did, and its bytes stand."""
    won = []
    start = threading.Barrier(20)

    def create(number):
        start.wait()
        if store.create("x", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.get("x") == str(won[0]).encode()


def test_nothing_stands_where_nothing_was_put(store):
    """A missing object and a folder are None; a missing folder lists nothing."""
    store.put("a/b", b"")
    assert store.get("no/such") is None
    assert store.get("a") is None
    assert store.get("a/b/c") is None
    assert list(store.list("no")) == []
    assert store.folders("no") == []


def test_list_is_by_folder(store):
    """`list` gives what lies below a folder, not what shares its first letters."""
    for path in ("a/1", "a/b/2", "ab/3"):
        store.put(path, b"")
    assert sorted(store.list("a")) == ["a/1", "a/b/2"]
    assert sorted(store.list("")) == ["a/1", "a/b/2", "ab/3"]


def test_list_is_complete(store):
    """A listing of more objects than S3 gives at once has each of them, once."""
    paths = {f"a/{number}" for number in range(1005)}
    for path in paths:
        store.put(path, b"")
    assert sorted(store.list("a")) == sorted(paths)


def test_folders_are_those_directly_below(store):
    """`folders` gives their names, sorted, without objects and without what lies deeper."""
    for path in ("x/2026/a/1", "x/2025/1", "x/1", "1"):
        store.put(path, b"")
    assert store.folders("x") == ["2025", "2026"]
    assert store.folders("") == ["x"]


def test_delete_leaves_nothing(store):
    """What was deleted is gone, with folders empty then; what was not there is no error."""
    for path in ("a/b/1", "a/b/2", "c"):
        store.put(path, b"")
    store.delete(["a/b/1", "a/b/2", "a/b/none", "none/1"])
    store.delete([])
    assert list(store.list("")) == ["c"]
    assert store.folders("") == []
    store.put("a/b/1", b"again")
    assert store.get("a/b/1") == b"again"


@pytest.mark.parametrize(
    "path",
    ["", "/", "../out", "a/../../out", "a/./b", "/a", "a//b", "a/", ".store/x", "a b", "a\0"],
)
def test_a_path_is_plain(store, tmp_path, path):
    """What climbs, is hidden or is not plain is refused before anything is read or written."""
    for attempt in (
        lambda: store.put(path, b"x"),
        lambda: store.create(path, b"x"),
        lambda: store.get(path),
        lambda: store.delete([path]),
        lambda: store.update(path, lambda _: b"x"),
    ):
        with pytest.raises(ValueError, match="path"):
            attempt()
    with pytest.raises(ValueError, match="path"):
        list(store.list("../out"))
    assert list(store.list("")) == []
    assert not (tmp_path / "out").exists()


def test_update_changes_what_stands(store):
    """`update` takes what stands and gives what stands then; None or the same changes nothing."""
    assert store.update("n", lambda before: None if before is None else b"x") is None
    assert store.get("n") is None
    assert store.update("n", lambda before: (before or b"") + b"1") == b"1"
    assert store.update("n", lambda before: (before or b"") + b"2") == b"12"
    assert store.update("n", lambda _: None) == b"12"
    assert store.update("n", lambda before: before) == b"12"
    assert store.get("n") == b"12"


def test_a_failing_change_changes_nothing(store):
    """What `change` raises comes through, nothing is written, and the next update goes on."""
    store.put("n", b"1")

    def fail(_):
        raise LookupError

    with pytest.raises(LookupError):
        store.update("n", fail)
    assert store.update("n", lambda before: before + b"2") == b"12"


def test_no_update_is_lost(store, address):
    """Three processes of four threads each add thirty numbers to one object: all ninety stand."""
    arguments = [sys.executable, UPDATER, address, "numbers", "30", "0", "100", "200"]
    subprocess.run(arguments, cwd=ROOT, timeout=120, check=True)
    expected = [first + number for first in (0, 100, 200) for number in range(30)]
    assert json.loads(store.get("numbers")) == expected


def test_a_killed_updater_blocks_nobody(store, address):
    """A process killed in the middle of an update leaves no lock and no change."""
    store.put("numbers", b"[1]")
    arguments = [sys.executable, UPDATER, address, "numbers", "0"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE) as updater:
        assert updater.stdout.readline() == b"held\n"
        updater.kill()
    assert store.update("numbers", lambda before: before + b"2") == b"[1]2"


@pytest.mark.parametrize("address", ["s3://", "http://bucket/x", "s3://bucket?x=1", "file:///x"])
def test_another_address_is_refused(s3, address):
    """What is neither a folder nor a bucket is a setting that can't be used."""
    with pytest.raises(SettingsError, match="neither a folder nor s3"):
        open_store(address)

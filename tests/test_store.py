"""The store writes whole objects, once where asked, and nothing outside its folder."""

import threading

import pytest

from flows.archive import Store
from flows.errors import StorageError


def test_create_writes_once(tmp_path):
    """The second `create` of a path changes nothing and says so."""
    store = Store(tmp_path)
    assert store.create("a/b.txt", b"first")
    assert not store.create("a/b.txt", b"second")
    assert store.get("a/b.txt") == b"first"


def test_put_replaces(tmp_path):
    """`put` writes over what stands."""
    store = Store(tmp_path)
    store.put("a.txt", b"first")
    store.put("a.txt", b"second")
    assert store.get("a.txt") == b"second"


def test_one_of_many_creators_wins(tmp_path):
    """Of twenty threads that create a path, just one is told that it did, and its bytes stand."""
    store = Store(tmp_path)
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


def test_nothing_stands_where_nothing_was_put(tmp_path):
    """A missing object is None, a missing folder lists nothing."""
    store = Store(tmp_path)
    assert store.get("no/such") is None
    assert list(store.list("no")) == []


def test_list_is_by_folder(tmp_path):
    """`list` gives what lies below a folder, not what shares its first letters."""
    store = Store(tmp_path)
    for path in ("a/1", "a/b/2", "ab/3"):
        store.put(path, b"")
    assert sorted(store.list("a")) == ["a/1", "a/b/2"]


@pytest.mark.parametrize("path", ["../out", "a/../../out", "a/./b"])
def test_a_path_can_not_climb(tmp_path, path):
    """A path with dots is refused before anything is written."""
    store = Store(tmp_path / "archive")
    with pytest.raises(ValueError, match="path"):
        store.put(path, b"x")
    assert not (tmp_path / "out").exists()


def test_a_planted_symlink_leads_nowhere(tmp_path):
    """A link inside the archive to a folder outside is refused: nothing outside is written."""
    outside = tmp_path / "outside"
    outside.mkdir()
    store = Store(tmp_path / "archive")
    (tmp_path / "archive" / "issues").symlink_to(outside)
    with pytest.raises(StorageError, match="leads out of"):
        store.put("issues/x", b"x")
    with pytest.raises(StorageError, match="leads out of"):
        store.create("issues/y", b"x")
    assert list(outside.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_said(tmp_path):
    """A file where the folder should be is a storage error with its path, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        Store(tmp_path / "file" / "archive")

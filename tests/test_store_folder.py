"""The store in a folder: nothing outside it, nothing half, and errors that say what to do."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.archive import open_store, store_folder
from flows.errors import StorageError

NOBODY = 65534


@pytest.fixture
def folder(tmp_path):
    """The folder of an empty store."""
    return tmp_path / "archive"


@pytest.fixture
def store(folder):
    """An empty store."""
    return open_store(str(folder))


@pytest.fixture
def outside(tmp_path):
    """A folder beside the store's, with a file in it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    return outside


def in_child(function):
    """Run `function` in a forked process; return its exit code, negative for a signal."""
    child = multiprocessing.get_context("fork").Process(target=function)
    child.start()
    child.join(30)
    return child.exitcode


def test_it_is_made(tmp_path):
    """Opening makes the folder and those above it, and reads as empty."""
    store = open_store(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    assert list(store.list("")) == []


def test_a_folder_that_can_not_be_made_is_said(tmp_path):
    """A file where the folder should be is a storage error with its path, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        open_store(str(tmp_path / "file" / "archive"))


@pytest.mark.parametrize("depth", ["issues", "issues/a/b"])
def test_a_planted_link_to_a_folder_leads_nowhere(store, folder, outside, depth):
    """Nothing is read, written, listed or deleted through a link to a folder outside."""
    (folder / depth).parent.mkdir(parents=True, exist_ok=True)
    (folder / depth).symlink_to(outside)
    for attempt in (
        lambda: store.put(f"{depth}/x", b"x"),
        lambda: store.create(f"{depth}/x", b"x"),
        lambda: store.create(f"{depth}/secret", b"x"),
        lambda: store.get(f"{depth}/secret"),
        lambda: store.update(f"{depth}/x", lambda _: b"x"),
        lambda: store.delete([f"{depth}/secret"]),
        lambda: list(store.list(depth)),
        lambda: store.folders(depth),
    ):
        with pytest.raises(StorageError, match=r"leads out of the folder by a link\. Remove the"):
            attempt()
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_planted_link_to_a_file_leads_nowhere(store, folder, outside):
    """A link in an object's place is not read; `put` replaces the link, not what it leads to."""
    (folder / "a").symlink_to(outside / "secret")
    with pytest.raises(StorageError, match="leads out of"):
        store.get("a")
    with pytest.raises(StorageError, match="leads out of"):
        store.create("a", b"x")
    store.put("a", b"x")
    assert store.get("a") == b"x"
    assert (outside / "secret").read_bytes() == b"secret"


def test_deleting_a_link_deletes_the_link(store, folder, outside):
    """`delete` of a planted link removes it and leaves what it leads to."""
    (folder / "a").symlink_to(outside / "secret")
    store.delete(["a"])
    assert not (folder / "a").is_symlink()
    assert (outside / "secret").read_bytes() == b"secret"


def test_listings_leave_links_out(store, folder, outside, caplog):
    """A link is no part of a listing, and is named in the log; a loop ends nowhere."""
    store.put("a/1", b"")
    (folder / "a" / "out").symlink_to(outside)
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "a" / "file").symlink_to(outside / "secret")
    with caplog.at_level(logging.WARNING):
        assert list(store.list("")) == ["a/1"]
        assert store.folders("a") == []
    assert "out in" in caplog.text


def test_own_files_kept_elsewhere_by_a_link_are_refused(store, folder, outside):
    """Where temporary files and locks are kept can't be led out of the folder either."""
    (folder / ".store").symlink_to(outside)
    with pytest.raises(StorageError, match="leads out of"):
        store.put("a", b"x")
    with pytest.raises(StorageError, match="leads out of"):
        store.update("a", lambda _: b"x")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_the_folder_itself_may_be_a_link(tmp_path, outside):
    """An operator may keep the whole archive elsewhere."""
    (tmp_path / "link").symlink_to(outside)
    store = open_store(str(tmp_path / "link"))
    store.put("a", b"x")
    assert (outside / "a").read_bytes() == b"x"


def test_a_planted_pipe_does_not_wait(store, folder):
    """A named pipe in an object's place is no object, and nobody waits for its writer."""
    os.mkfifo(folder / "pipe")
    assert store.get("pipe") is None
    assert list(store.list("")) == []


def test_own_files_are_no_part_of_it(store, folder):
    """Locks and temporary files are neither listed nor left behind."""
    store.put("a", b"x")
    store.create("b", b"x")
    store.update("c", lambda _: b"x")
    (folder / ".hidden").write_text("")
    (folder / "a note (2).txt").write_text("")
    assert sorted(store.list("")) == ["a", "b", "c"]
    assert store.folders("") == []
    assert [path.name[:5] for path in (folder / ".store").iterdir()] == ["lock-"]


def test_an_object_is_for_all_to_read(store, folder):
    """A file has the rights that the umask gives, so that a web server can read it."""
    store.put("a/b", b"x")
    umask = os.umask(0)
    os.umask(umask)
    assert (folder / "a" / "b").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("call", ["replace", "link"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_writing(store, folder, monkeypatch, call, when):
    """Killed right before or after its object is placed, a writer leaves the old or the new one."""
    write = store.put if call == "replace" else store.create
    if call == "replace":
        store.put("a/b", b"old" * 100_000)

    def die(*arguments, **keywords):
        if when == "after":
            place(*arguments, **keywords)
        os.kill(os.getpid(), signal.SIGKILL)

    place = getattr(os, call)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, die)
        assert in_child(lambda: write("a/b", b"new" * 100_000)) == -signal.SIGKILL
    old = b"old" * 100_000 if call == "replace" else None
    assert store.get("a/b") == (b"new" * 100_000 if when == "after" else old)
    assert list(store.list("")) == ([] if call == "link" and when == "before" else ["a/b"])
    left = list((folder / ".store").iterdir())
    assert len(left) == (0 if (call, when) == ("replace", "after") else 1)


def test_killed_at_any_time(store):
    """Readers meet one whole object or the other while writers of both are killed at random."""
    versions = [bytes([letter]) * 3_000_000 for letter in b"ab"]
    store.put("a", versions[0])

    def write_for_ever():
        while True:
            for version in versions:
                store.put("a", version)

    for number in range(8):
        writer = multiprocessing.get_context("fork").Process(target=write_for_ever)
        writer.start()
        give_up = time.monotonic() + 0.02 + 0.013 * number
        while time.monotonic() < give_up:
            assert store.get("a") in versions
        writer.kill()
        writer.join()
        assert store.get("a") in versions
        assert list(store.list("")) == ["a"]


def test_what_killed_writers_left_is_swept(store, folder):
    """Opening the store removes temporary files that are an hour old, and no younger ones."""
    store.update("a", lambda _: b"x")
    old, young = folder / ".store" / "new-old", folder / ".store" / "new-young"
    for path in (old, young):
        path.write_bytes(b"half")
    for path in (folder / ".store").iterdir():
        if path != young:
            os.utime(path, (time.time() - 4000,) * 2)
    open_store(str(folder))
    assert not old.exists()
    assert young.exists()
    assert len(list((folder / ".store").glob("lock-*"))) == 1


def test_a_full_disk(store, folder):
    """A write that finds no room leaves the old object, no temporary file, and says what to do."""
    store.put("a", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StorageError) as caught:
            store.put("a", b"x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value) == (
        f"{folder}/a can't be used: File too large. Make room there, then do the same again."
    )
    assert caught.value.retryable
    assert store.get("a") == b"old"
    assert list((folder / ".store").iterdir()) == []


def test_no_space_left(store, monkeypatch):
    """What the kernel says of a full disk is in the error, with the remedy, in one line."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_folder, "write_new", full)
    with pytest.raises(StorageError, match=r"a can't be used: No space left on device\. Make"):
        store.put("a", b"x")
    assert list(store.list("")) == []


@contextmanager
def as_nobody():
    """Give up a root user's rights for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only():
    """A folder that anybody can read and nobody but root can write, with one object."""
    folder = Path(tempfile.mkdtemp(prefix="read-only-"))
    open_store(str(folder)).put("a/b", b"x")
    for path in (folder, folder / "a", folder / ".store"):
        path.chmod(0o555)
    yield folder
    for path in (folder, folder / "a", folder / ".store"):
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_folder_can_be_read(read_only):
    """Reading needs no right to write: no lock, no temporary file."""
    with as_nobody():
        store = open_store(str(read_only))
        assert store.get("a/b") == b"x"
        assert list(store.list("")) == ["a/b"]
        assert store.folders("") == ["a"]
        assert not store.create("a/b", b"y")


def test_a_read_only_folder_is_said(read_only):
    """Every write fails in one line that says where, why and what to do, and changes nothing."""
    with as_nobody():
        store = open_store(str(read_only))
        for attempt in (
            lambda: store.put("a/b", b"y"),
            lambda: store.create("c", b"y"),
            lambda: store.delete(["a/b"]),
            lambda: store.update("a/b", lambda _: b"y"),
        ):
            with pytest.raises(StorageError, match=r"Permission denied\. Give this user") as caught:
                attempt()
            assert str(read_only) in str(caught.value)
        assert list(store.list("")) == ["a/b"]
        assert store.get("a/b") == b"x"


def test_a_lock_that_is_never_given_up(store, monkeypatch):
    """An updater that hangs is reported after a bounded wait, and nothing is changed."""
    monkeypatch.setattr(store_folder, "_LONGEST_WAIT_SECONDS", 0.05)
    caught = []

    def meanwhile(_):
        with pytest.raises(StorageError, match="has kept it locked") as error:
            open_store(store.address).update("a", lambda _: b"other")
        caught.append(error)

    store.update("a", meanwhile)
    assert caught
    assert store.get("a") is None


def test_deleters_and_writers_of_one_folder(store):
    """A folder that is emptied and filled at once by two processes loses nothing."""
    script = (
        "import sys; from flows.archive import open_store; store = open_store(sys.argv[1])\n"
        "for number in range(100):\n"
        "    store.put(f'a/b/{number}', b''); store.delete([f'a/b/{number}'])"
    )
    other = subprocess.Popen([sys.executable, "-c", script, store.address])
    number = 300
    while other.poll() is None:
        store.put(f"a/b/{number}", b"x")
        assert store.get(f"a/b/{number}") == b"x"
        store.delete([f"a/b/{number}"])
        number += 1
    assert other.returncode == 0
    assert list(store.list("")) == []

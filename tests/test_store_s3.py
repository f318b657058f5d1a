"""The store in a bucket on a bad day: 409, 412, 503, answers lost, and nobody there."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import boto3
import pytest

from flows.archive import open_store, store_s3
from flows.errors import SettingsError, StorageError
from s3_faults import plan, proxied

pytest_plugins = ("s3_standin",)


@pytest.fixture
def faulty(bucket, s3, monkeypatch):
    """A store whose requests go through a proxy, and the proxy."""
    with proxied(s3) as (endpoint, proxy):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        yield open_store(bucket), proxy


def test_409_means_again(faulty):
    """A conditional write that met another one under way is sent again, and is then done."""
    store, proxy = faulty
    plan(proxy, "PUT", [409, 409, 409])
    assert store.create("a", b"x")
    assert store.get("a") == b"x"
    plan(proxy, "PUT", [409, 409])
    assert store.update("a", lambda before: before + b"y") == b"xy"
    plan(proxy, "PUT", [409])
    store.put("a", b"z")
    assert store.get("a") == b"z"


def test_412_means_done(faulty):
    """Where something stands, `create` says so after one write and one look, and not again."""
    store, proxy = faulty
    store.put("a", b"x")
    plan(proxy, "PUT", [])
    assert not store.create("a", b"y")
    assert proxy.seen == ["PUT", "HEAD"]


def test_a_lost_race_is_run_again(bucket):
    """`update` sees what the winner of a race wrote, and adds to it."""
    store = open_store(bucket)
    seen = []

    def change(before):
        seen.append(before)
        if len(seen) == 1:
            open_store(bucket).put("a", b"other")
        return (before or b"") + b"+"

    assert store.update("a", change) == b"other+"
    assert seen == [None, b"other"]


def test_an_object_deleted_meanwhile(bucket):
    """`update` of an object that somebody deletes meanwhile begins anew from nothing."""
    store = open_store(bucket)
    store.put("a", b"x")
    seen = []

    def change(before):
        seen.append(before)
        if before is not None:
            open_store(bucket).delete(["a"])
        return (before or b"") + b"+"

    assert store.update("a", change) == b"+"
    assert seen == [b"x", None]


@pytest.mark.parametrize("fault", [500, 503])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_passing_error_is_not_noticed(faulty, method, fault):
    """After a server error the request is sent again."""
    store, proxy = faulty
    store.put("a", b"x")
    plan(proxy, method, [fault, fault])
    assert store.update("a", lambda before: before + b"y") == b"xy"
    assert not proxy.faults


@pytest.mark.parametrize("faults", [["lost"], ["lost", 503], ["lost", 409]])
def test_a_write_whose_answer_was_lost_is_known_as_done(faulty, faults):
    """A write that took place is done, once, though its answer never came."""
    store, proxy = faulty
    plan(proxy, "PUT", faults)
    assert store.create("a", b"x")
    plan(proxy, "PUT", faults)
    assert store.update("a", lambda before: before + b"y") == b"xy"
    assert store.get("a") == b"xy"
    plan(proxy, "PUT", faults)
    assert not store.create("a", b"x")


@pytest.mark.parametrize("fault", [503, 403])
def test_an_error_that_stays_is_said(faulty, monkeypatch, fault):
    """After a bounded number of attempts each call ends in one line with what S3 said."""
    monkeypatch.setitem(store_s3._RETRY, "max_retries", 1)
    store, proxy = faulty
    store = open_store(store.address)
    calls = {
        "PUT": [
            lambda: store.put("a", b"x"),
            lambda: store.create("a", b"x"),
            lambda: store.update("a", lambda _: b"x"),
        ],
        "GET": [lambda: store.get("a"), lambda: list(store.list("a")), lambda: store.folders("a")],
        "POST": [lambda: store.delete(["a"])],
    }
    for method, attempts in calls.items():
        for attempt in attempts:
            plan(proxy, method, [fault] * 20)
            with pytest.raises(StorageError, match=str(fault)) as caught:
                attempt()
            assert "<?xml" not in str(caught.value)
            assert store.address in str(caught.value)
            assert proxy.seen.count(method) <= 2


def test_writers_that_never_let_one_through(faulty, monkeypatch):
    """Contention without end is an error after a bounded time."""
    monkeypatch.setattr(store_s3, "_LONGEST_CONTENTION_SECONDS", 0.1)
    store, proxy = faulty
    plan(proxy, "PUT", [409] * 1000)
    with pytest.raises(StorageError, match="was being written by others"):
        store.create("a", b"x")
    with pytest.raises(StorageError, match="was being written by others"):
        store.update("a", lambda _: b"x")
    with pytest.raises(StorageError, match="was being written by others"):
        store.put("a", b"x")


def test_nobody_there(bucket, monkeypatch):
    """Where nobody listens, and where nobody answers, a call ends after a bounded time."""
    monkeypatch.setitem(store_s3._RETRY, "max_retries", 1)
    monkeypatch.setitem(store_s3._CLIENT, "timeout", timedelta(seconds=0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 1):
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
            store = open_store(bucket)
            begun = time.monotonic()
            with pytest.raises(StorageError, match="can't be used"):
                store.get("a")
            with pytest.raises(StorageError, match="can't be used"):
                store.create("a", b"x")
            assert time.monotonic() - begun < 10


def test_a_missing_bucket_is_no_empty_one(s3):
    """Reading, listing and writing a bucket that is not there are errors, not an empty archive."""
    store = open_store("s3://no-such-bucket/archive")
    for attempt in (
        lambda: store.get("a"),
        lambda: store.put("a", b"x"),
        lambda: store.create("a", b"x"),
        lambda: store.update("a", lambda _: b"x"),
        lambda: list(store.list("")),
        lambda: store.folders(""),
        lambda: store.delete(["a"]),
    ):
        with pytest.raises(StorageError, match="there is no such bucket"):
            attempt()


@pytest.mark.parametrize(
    ("path", "content_type", "cache_control"),
    [
        ("index.html", "text/html; charset=utf-8", "public, max-age=60, must-revalidate"),
        ("feed.xml", "application/atom+xml; charset=utf-8", "public, max-age=60, must-revalidate"),
        ("sitemap.xml", "application/xml; charset=utf-8", "public, max-age=60, must-revalidate"),
        (
            "issues/a/b/index.html",
            "text/html; charset=utf-8",
            "public, max-age=60, must-revalidate",
        ),
        (
            "issues/a/b/article.html",
            "text/html; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
        ("issues/a/b/chart-1.png", "image/png", "public, max-age=31536000, immutable"),
        (
            "issues/a/b/notebook.ipynb",
            "application/x-ipynb+json",
            "public, max-age=31536000, immutable",
        ),
        (
            "search/2026-11/fragment/en_1.pf_fragment",
            "application/octet-stream",
            "public, max-age=31536000, immutable",
        ),
        ("search/months/2026-11.json", "application/json", "public, no-cache"),
        ("search/a/b/pagefind-entry.json", "application/json", "public, no-cache"),
        ("index/all.json", "application/json", "public, max-age=60, must-revalidate"),
    ],
)
def test_what_browsers_are_told(bucket, path, content_type, cache_control):
    """Every way of writing gives type and lifetime; only what never changes is kept for good."""
    name = bucket.removeprefix("s3://").partition("/")[0]
    store = open_store(bucket)
    for write in (
        lambda: store.create(path, b"1"),
        lambda: store.put(path, b"2"),
        lambda: store.update(path, lambda _: b"3"),
    ):
        write()
        found = boto3.client("s3").head_object(Bucket=name, Key=f"archive/{path}")
        assert found["ContentType"] == content_type
        assert found["CacheControl"] == cache_control


def test_a_store_keeps_to_its_prefix(bucket):
    """What lies beside the prefix is neither listed nor read."""
    store, beside = open_store(bucket), open_store(f"{bucket}-other")
    beside.put("a", b"x")
    assert list(store.list("")) == []
    assert store.folders("") == []
    assert store.get("a") is None


def test_a_whole_bucket_is_a_store(bucket):
    """Without a prefix the store is the bucket."""
    whole = open_store(bucket.rpartition("/")[0])
    open_store(bucket).put("a", b"x")
    assert list(whole.list("")) == ["archive/a"]
    assert whole.folders("") == ["archive"]


def test_what_is_missing_is_said_at_start(s3, monkeypatch):
    """Without credentials or a region the error names the variable to set."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(SettingsError, match="AWS_DEFAULT_REGION"):
        open_store("s3://letters")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        open_store("s3://letters")


def test_credentials_of_a_profile(bucket, monkeypatch, tmp_path):
    """A profile of AWS's own tools serves as well as the environment."""
    config = tmp_path / "config"
    config.write_text(
        "[profile letters]\nregion = eu-central-1\n"
        "aws_access_key_id = testing\naws_secret_access_key = testing\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "letters")
    store = open_store(bucket)
    store.put("a", b"x")
    assert store.get("a") == b"x"

"""The archive on the web: what stands at a plain path, cached rightly, and nothing else."""

import asyncio
import hashlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.archive.store import open_store
from flows.errors import StorageError
from gateway_examples import Gateway, Pages, call

ISSUE = "issues/wind_solar/DE_LU/2026/06-17/0123456789abcdef0123"
PAGES = {
    "index.html": b"<h1>front</h1>",
    "feed.xml": b"<feed/>",
    "robots.txt": b"Sitemap: x",
    "months/2026-06/index.html": b"<h1>June</h1>",
    "search/pagefind/pagefind.js": b"x",
    "search/pagefind/wasm.de.pagefind": b"\0",
    f"{ISSUE}/index.html": b"<h1>issue</h1>",
    f"{ISSUE}/email.html": b"<h1>mail</h1>",
    f"{ISSUE}/article.html": b"<h1>article</h1>",
    f"{ISSUE}/chart-1.png": b"\x89PNG",
    f"{ISSUE}/document.xml": b"<x/>",
    f"{ISSUE}/notebook.ipynb": b"{}",
    f"{ISSUE}/issue.json": b"{}",
}
FOR_GOOD = "public, max-age=31536000, immutable"
FOR_A_MINUTE = "public, max-age=60, must-revalidate"
LENIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def gateway(home):
    return Gateway(archive=Pages(PAGES))


@pytest.mark.parametrize(
    ("path", "content_type", "cache"),
    [
        ("index.html", "text/html; charset=utf-8", FOR_A_MINUTE),
        ("feed.xml", "application/atom+xml; charset=utf-8", FOR_A_MINUTE),
        ("robots.txt", "text/plain; charset=utf-8", FOR_A_MINUTE),
        ("search/pagefind/pagefind.js", "text/javascript; charset=utf-8", FOR_A_MINUTE),
        ("search/pagefind/wasm.de.pagefind", "application/octet-stream", FOR_A_MINUTE),
        (f"{ISSUE}/index.html", "text/html; charset=utf-8", FOR_A_MINUTE),
        (f"{ISSUE}/email.html", "text/html; charset=utf-8", FOR_GOOD),
        (f"{ISSUE}/chart-1.png", "image/png", FOR_GOOD),
        (f"{ISSUE}/document.xml", "application/xml; charset=utf-8", FOR_GOOD),
        (f"{ISSUE}/notebook.ipynb", "application/x-ipynb+json", FOR_GOOD),
        (f"{ISSUE}/issue.json", "application/json", FOR_GOOD),
    ],
)
def test_what_stands_at_a_path_is_served(gateway, path, content_type, cache):
    """Bytes, type and how long they may be kept: for good what is written once, else a minute."""
    answer = gateway.get(f"/{path}")
    assert answer.status_code == 200
    assert answer.content == PAGES[path]
    assert answer.headers["content-type"] == content_type
    assert answer.headers["cache-control"] == cache
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("folder", ["", "months/2026-06/", f"{ISSUE}/"])
def test_a_folder_is_its_index(gateway, folder):
    """The address with a slash at its end shows index.html."""
    assert gateway.get(f"/{folder}").content == PAGES[f"{folder}index.html"]


@pytest.mark.parametrize("folder", ["months/2026-06", ISSUE])
def test_a_folder_without_its_slash_leads_to_it(gateway, folder):
    """Links on a page are relative, so the browser must come to the folder itself."""
    answer = gateway.get(f"/{folder}")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"{folder.rpartition('/')[2]}/"
    assert gateway.get(f"/{folder}", follow_redirects=True).content == PAGES[f"{folder}/index.html"]


def test_head_is_get_without_the_page(gateway):
    """The same status, type, length and ETag."""
    head, get = gateway.request("HEAD", "/feed.xml"), gateway.get("/feed.xml")
    assert head.status_code == 200
    assert head.headers == get.headers


def test_what_is_known_already_is_not_sent_again(gateway):
    """If-None-Match with the ETag, weak or in a list, or any at all, gets an empty 304."""
    first = gateway.get("/index.html")
    etag = first.headers["etag"]
    assert etag == f'"{hashlib.sha256(first.content).hexdigest()[:32]}"'
    for tags in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = gateway.get("/index.html", headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == FOR_A_MINUTE
        assert "content-type" not in answer.headers
    for tags in ('"x"', etag[1:-1], ""):
        assert gateway.get("/index.html", headers={"If-None-Match": tags}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [f"{ISSUE}/{name}" for name in ("document.xml", "notebook.ipynb", "email.html", "article.html")]
    + ["feed.xml"],
)
def test_what_others_wrote_is_inert(gateway, path):
    """A document, a notebook or a mail's HTML runs nothing in the reader's browser."""
    policy = gateway.get(f"/{path}").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy.split("; ")


@pytest.mark.parametrize(
    "path", ["index.html", f"{ISSUE}/index.html", "search/pagefind/pagefind.js"]
)
def test_a_page_says_itself_what_it_loads(gateway, path):
    """Its header only forbids frames, another base and plug-ins; its own policy does the rest."""
    policy = gateway.get(f"/{path}").headers["content-security-policy"]
    assert policy == "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"


class Watched(Pages):
    """An archive that notes which paths were asked for."""

    def __init__(self):
        self.asked = []

    def get(self, path):
        self.asked.append(path)


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../secret",
        "a/../b",
        "a/../../b",
        ".",
        "./index.html",
        "a/./b",
        "..\\secret",
        ".git/config",
        "issues/.hidden",
        "/evil.example",
        "//evil.example",
        "a//b",
        "a//",
        "\x00",
        "a\x00.html",
        "a\nb",
        "a b",
        "index.html#1",
        "C:/x",
        "a/" * 600,
        "\ufffd/x",
        "é",
        "%2e%2e/x",
        "a?b",
    ],
)
def test_no_path_leads_out_or_to_what_is_hidden(home, path):
    """What is not plain is 404, and the store is not even asked."""
    watched = Watched()
    app = Gateway(archive=watched).app
    assert asyncio.run(call(app, "GET", f"/{path}", None))[0]["status"] == 404
    assert watched.asked == []


@settings(LENIENT, max_examples=200)
@given(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.text("./a%~\\", max_size=9)
)
@example("\ufeff")
def test_every_path_is_answered(gateway, path):
    """Whatever is asked for is there or is not: 200, 308 or 404, never an error."""
    start, *_ = asyncio.run(call(gateway.app, "GET", f"/{path}", None))
    assert start["status"] in {200, 308, 404}
    assert start["status"] == 404 or path.rstrip("/") in {"", *PAGES}


def test_a_real_folder_is_served(home):
    """The store of the archive's folder, links out of it and temporary names included, is safe."""
    store = open_store(str(home / "archive"))
    store.put("index.html", b"front")
    (home / "secret.txt").write_text("secret")
    (home / "archive" / "empty").mkdir()
    gateway = Gateway(archive=store)
    assert gateway.get("/").text == "front"
    (home / "archive" / "link.txt").symlink_to(home / "secret.txt")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/empty", "/empty/", "/index.html/", "/x"):
        assert gateway.get(path).status_code == 404
    leak = gateway.get("/link.txt")
    assert leak.status_code in {404, 503}
    assert "secret" not in leak.text


def test_an_archive_that_is_away_is_not_empty(home, caplog):
    """What can't be read just now is 503 with a time to come again, never 404."""

    class Away(Pages):
        def get(self, path):
            raise StorageError("the bucket is away", remedy="Wait.", path=path)

    answer = Gateway(archive=Away()).get("/index.html")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "bucket" not in answer.text
    assert "the bucket is away" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_is_written_by_way_of_the_web(gateway, method):
    """Only GET and HEAD are for pages."""
    answer = gateway.request(method, "/index.html", content=b"x")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}

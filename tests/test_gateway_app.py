"""The whole application: each address has its part, each answer its headers."""

import pytest

from flows.delivery.ledger_sqlite import SqliteLedger
from flows.delivery.unsubscribe import Links
from flows.errors import StorageError
from flows.gateway import unsubscribe
from flows.gateway.app import Health
from gateway_examples import PUSH, SITE, WEBHOOK, Gateway, Pages

LINKS = Links(("k" * 32,), f"{SITE}/unsubscribe/")


def test_health_is_what_the_parts_say(home):
    """200 when all is well, 503 when not, with what each part has to say."""
    for ok, status in ((True, 200), (False, 503)):
        answer = Gateway(health=lambda ok=ok: Health(ok=ok, parts={"inbox": "3 wait"})).get(
            "/healthz"
        )
        assert answer.status_code == status
        assert answer.json() == {"ok": ok, "inbox": "3 wait"}
        assert answer.headers["cache-control"] == "no-store"


def test_metrics_are_handed_through(home):
    """The exposition comes with the content type that goes with it."""
    answer = Gateway(metrics=lambda: (b"up 1\n", "text/plain; version=1.0.0")).get("/metrics")
    assert answer.content == b"up 1\n"
    assert answer.headers["content-type"] == "text/plain; version=1.0.0"


def test_the_unsubscribe_page_is_served(home):
    """A mail's link works here, keeps its own headers, and the archive does not hide it."""
    ledger = SqliteLedger(home / "ledger.db")
    archive = Pages({"unsubscribe/x": b"hidden"})
    gateway = Gateway(unsubscribe=unsubscribe.routes(LINKS, ledger, {}), archive=archive)
    where = LINKS.url("load", "ada@mail.example").removeprefix(SITE)
    assert "form-action 'self'" in gateway.get(where).headers["content-security-policy"]
    form = {"List-Unsubscribe": "One-Click"}
    assert gateway.request("POST", where, data=form).status_code == 200
    assert ledger.suppressed("ada@mail.example") is not None
    assert gateway.get("/unsubscribe/x").status_code == 404


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("POST", WEBHOOK),
        ("GET", WEBHOOK),
        ("DELETE", "/"),
    ],
)
def test_every_answer_is_guarded(home, method, where):
    """Pages, refusals and answers to pushes: not sniffed, framed, embedded, or given a referrer."""
    answer = Gateway(archive=Pages({"index.html": b"front"})).request(method, where, content=PUSH)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] in {"no-referrer", "strict-origin-when-cross-origin"}
    assert answer.headers["cache-control"]


def _fail():
    raise RuntimeError


def test_a_fault_shows_nothing_of_itself(home):
    """An error that nobody thought of is one line with the usual headers, and no traceback."""
    answer = Gateway(health=_fail).get("/healthz")
    assert answer.status_code == 500
    assert answer.text == "this went wrong; the log says why"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def _away():
    raise StorageError("the inbox is away", remedy="Wait.", path="inbox.db")


def test_what_is_away_comes_back(home, caplog):
    """Storage that fails under health or metrics is 503 with a time to come again."""
    for where in ("/healthz", "/metrics"):
        answer = Gateway(health=_away, metrics=_away).get(where)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert "the inbox is away" in caplog.text

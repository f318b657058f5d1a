"""A send that is shared with flow runs elsewhere: how many, how fast, and what the lost leave."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

import issue_examples
from flows import sending, settings, shards
from flows.archive import Archive, open_store
from flows.delivery.ledger import Entry, Result, State
from flows.errors import StorageError
from flows.sending import Post
from flows.settings import Settings
from ledger_examples import people
from smtp_sink import Fault, Sink

LOST = shards.holder("a-run")
LONG = 900


@pytest.fixture
def sink(monkeypatch):
    """Run a mail server, by which mails go."""
    with Sink() as running:
        address = f"smtp://127.0.0.1:{running.port}?security=none"
        monkeypatch.setenv("GRIDLETTER_SMTP_URL", address)
        yield running


@pytest.fixture
def post(sink):
    """Have a post whose ledger has an issue for six readers, none of them sent."""
    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    return Post.open(archive, options)


@pytest.fixture
def issue(post):
    """Have the issue in archive and ledger."""
    made, rendering = issue_examples.render()
    post.archive.commit(made, rendering.files)
    names = (made.issue_id, made.path, made.newsletter, made.zone.code, made.document_key)
    post.ledger.enroll(Entry(*names, made.revision), people(6))
    return made


class Helpers:
    """Stands for shards: `one` is told each time it is asked who was lost."""

    def __init__(self, *lost, alive=0):
        self.lost_at = list(lost)
        self.alive = alive
        self.dismissed = 0

    @property
    def count(self):
        return self.alive + len(self.lost_at)

    def lost(self):
        return self.lost_at.pop(0) if self.lost_at else []

    def dismiss(self):
        self.dismissed += 1


def helped(monkeypatch, helpers):
    """Have `helpers` in place of flow runs; return what was asked for."""
    asked = []

    def start(path, count):
        asked.append((path, count))
        return helpers

    monkeypatch.setattr(shards, "start", start)
    monkeypatch.setattr(sending, "_SECONDS_BETWEEN_LOOKS", 0.05)
    return asked


def test_what_a_lost_shard_had_claimed_is_sent_at_once(post, issue, sink, monkeypatch):
    """Its claims do not wait for their leases to run out; what it was sending is held."""
    claims = post.ledger.claim(issue.issue_id, LOST, lease_seconds=LONG, limit=3)
    post.ledger.begin(claims[:1])
    helpers = Helpers([], [LOST])
    helped(monkeypatch, helpers)
    started = time.monotonic()
    counts = post.send(issue)
    assert time.monotonic() - started < LONG / 10
    assert counts == {State.ACCEPTED: 5, State.UNKNOWN: 1}
    assert claims[0].recipient.email not in sink.recipients
    assert helpers.dismissed == 1


def test_the_publishing_run_waits_for_mails_that_shards_are_sending(post, issue, monkeypatch):
    """It returns once all is settled, by whomever, and counts all of it."""
    claims = post.ledger.claim(issue.issue_id, LOST, lease_seconds=LONG, limit=3)

    def shard():
        begun = post.ledger.begin(claims)
        post.ledger.settle([Result(claim, State.ACCEPTED) for claim in begun])

    helped(monkeypatch, Helpers(alive=1))
    threading.Timer(1, shard).start()
    assert post.send(issue) == {State.ACCEPTED: 6}


def test_it_does_not_wait_for_mails_that_are_due_after_any_lease(
    post, issue, sink, monkeypatch, caplog
):
    """A mail that the server wants in hours is a later run's, however many shards live."""
    [claim] = post.ledger.claim(issue.issue_id, LOST, lease_seconds=LONG, limit=1)
    later = time.time() + 4 * 3600
    post.ledger.settle([Result(claim, State.DEFERRED, "450 later", later)])
    helped(monkeypatch, Helpers(alive=2))
    assert post.send(issue) == {State.ACCEPTED: 5, State.DEFERRED: 1}


def test_shards_are_called_off_where_the_send_fails(post, issue, sink, monkeypatch):
    """Where the server takes nothing, those that have not begun are not left to begin."""
    sink.behaviour.faults.append(Fault("MAIL", "550 5.7.1 not from you", times=99))
    helpers = Helpers(alive=1)
    helped(monkeypatch, helpers)
    with pytest.raises(Exception, match="refuses mail from"):
        post.send(issue)
    assert helpers.dismissed == 1


@pytest.mark.parametrize(
    ("unsent", "most", "runs"),
    [(10, 8, 1), (11, 8, 2), (1_000, 8, 8), (1_000, 1, 1)],
    ids=["small", "just above", "capped", "switched off"],
)
def test_a_send_is_shared_by_its_size(monkeypatch, post, unsent, most, runs):
    """A run for each so many mails that are open, this one among them, up to a number."""
    options = Settings(
        mails_per_shard=10,
        mail_shards=most,
        archive="s3://archive",
        ledger="dynamodb://ledger",
        smtp_url="smtp://127.0.0.1:1?security=none",
    )
    large = Post(post.archive, post.directory, post.ledger, post.server, options, post.stop)
    assert large._shards(Counter({State.PENDING: unsent - 5, State.DEFERRED: 5})) == runs
    assert large._shards(Counter({State.ACCEPTED: 1_000_000, State.PENDING: 1})) == 1


def test_nothing_is_shared_that_others_can_not_reach(post, issue, monkeypatch):
    """With the archive in a folder and the ledger in a file, one run sends all, of any size."""
    asked = helped(monkeypatch, Helpers())
    options = post.settings.model_copy(update={"mails_per_shard": 1})
    Post(post.archive, post.directory, post.ledger, post.server, options, post.stop).send(issue)
    assert asked == [(issue.path, 0)]


def test_all_runs_together_keep_to_the_providers_limit(post):
    """What the provider allows a second is divided among those that send."""
    options = post.settings.model_copy(update={"mails_per_second": 12.0})
    limited = Post(post.archive, post.directory, post.ledger, post.server, options, post.stop)
    assert limited._policy(1).mails_per_second == 12
    assert limited._policy(4).mails_per_second == 3
    assert post._policy(4).mails_per_second is None


@pytest.mark.usefixtures("prefect")
def test_the_flow_of_a_shard_sends_what_is_open(post, issue, sink):
    """It claims under its own name and reports the whole; of another archive it says so."""
    from flows.deliver import deliver

    [claim] = post.ledger.claim(issue.issue_id, "other", lease_seconds=LONG, limit=1)
    assert deliver(issue.path, 2) == {State.ACCEPTED: 5, State.CLAIMED: 1}
    assert claim.recipient.email not in sink.recipients
    with pytest.raises(StorageError, match="is not in the archive"):
        deliver(f"{issue.path}x", 2)


@pytest.mark.usefixtures("prefect")
def test_flow_runs_are_started_once_watched_and_called_off():
    """A task that is tried again starts no others; a crash is told; who has not begun is ended."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Crashed, Running

    @flow
    def send(api):
        helpers, again = shards.start("issues/x", 3), shards.start("issues/x", 3)
        assert list(again._open) == list(helpers._open)
        crashed, running, _ = helpers._open
        api.set_flow_run_state(crashed, Crashed(message="gone"), force=True)
        api.set_flow_run_state(running, Running(), force=True)
        assert helpers.lost() == [shards.holder(crashed)]
        assert (helpers.lost(), helpers.count) == ([], 2)
        helpers.dismiss()
        return [api.read_flow_run(id_) for id_ in again._open]

    with get_client(sync_client=True) as api:
        deployment = api.create_deployment(api.create_flow_from_name("deliver"), shards.DEPLOYMENT)
        try:
            runs = send(api)
        finally:
            api.delete_deployment(deployment)
    assert [run.state.name for run in runs] == ["Crashed", "Running", "Cancelled"]
    assert {run.parameters["runs"] for run in runs} == {4}


@pytest.mark.usefixtures("prefect")
def test_without_a_deployment_one_run_sends_all():
    """Where the API has no flow `deliver` deployed, a send goes out as it always did."""
    from prefect import flow

    @flow
    def send():
        return shards.start("issues/x", 3).count

    assert send() == 0
    assert shards.start("issues/x", 3).count == 0

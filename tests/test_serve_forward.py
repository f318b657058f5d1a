"""The forwarder: every message gets its flow run, whatever Prefect forgets and for however long."""

from __future__ import annotations

import itertools
import tracemalloc
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from flows import settings
from flows.claims import LARGEST_INLINE_BYTES, Claims
from flows.gateway.inbox import Inbox
from flows.serve import forward

LATER = 25  # seconds after which an event without a run is emitted again


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Api:
    """What the forwarder sees of Prefect: it starts a run for each event, unless it loses them."""

    def __init__(self) -> None:
        self.is_away = False
        self.loses = lambda _body: False
        self.events = []
        self.runs = []
        self.questions = 0
        self._numbers = itertools.count()

    def hello(self):
        self.questions += 1
        if self.is_away:
            raise httpx.ConnectError("away")

    def request(self, _method, path, json):
        self.hello()
        if path == "/events":
            for event in json:
                body = event["payload"]["body"]
                self.events.append(body)
                if not self.loses(body):
                    self.start(body)
            return httpx.Response(204)
        since = datetime.fromisoformat(json["flow_runs"]["expected_start_time"]["after_"])
        seen = json["flow_runs"]["id"]["not_any_"]
        found = [
            run
            for run in self.runs
            if datetime.fromisoformat(run["expected_start_time"]) >= since and run["id"] not in seen
        ]
        return httpx.Response(200, json=found[: json["limit"]])

    def start(self, body, ago=0):
        at = datetime.now(UTC) - timedelta(seconds=ago)
        self.runs.append(
            {
                "id": f"run-{next(self._numbers)}",
                "expected_start_time": at.isoformat(),
                "parameters": {"event_msg": body},
            }
        )


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""
    clock = Clock()
    monkeypatch.setattr(forward, "time", clock)
    return clock


@pytest.fixture
def inbox(home):
    """An empty inbox."""
    return Inbox(home / "inbox.db")


@pytest.fixture
def api():
    """A Prefect that works."""
    return Api()


@pytest.fixture
def reports():
    """What the operators were told."""
    return []


@pytest.fixture
def start(inbox, api, clock, reports):
    """Start a forwarder, as often as a test wants."""
    return lambda: forward.Forwarder(inbox, api, Claims(settings.load()), reports.append)


def waiting(inbox):
    return [message.body for message in inbox.waiting(1000)]


def test_a_message_is_handed_over_when_its_run_is_seen(start, inbox, api):
    """Events go out in the order of the pushes; a message waits until its flow run is there."""
    for body in "abc":
        inbox.put(body)
    forwarder = start()
    assert forwarder.turn()
    assert api.events == ["a", "b", "c"]
    assert waiting(inbox) == ["a", "b", "c"]
    forwarder.turn()
    assert waiting(inbox) == []
    assert not forwarder.turn()
    assert api.events == ["a", "b", "c"]


def test_a_lost_event_is_emitted_again(start, inbox, api, clock):
    """An event that Prefect forgot is emitted again after a while, and nothing twice before."""
    api.loses = lambda _body: len(api.events) == 1
    inbox.put("a")
    forwarder = start()
    for _ in range(10):
        forwarder.turn()
    assert api.events == ["a"]
    clock.now += LATER
    forwarder.turn()
    forwarder.turn()
    assert api.events == ["a", "a"]
    assert waiting(inbox) == []


def test_a_lost_event_is_noticed_among_others(start, inbox, api, clock):
    """Steady traffic behind a lost event does not put off that it is emitted again."""
    api.loses = lambda body: body == "lost" and api.events.count("lost") == 1
    inbox.put("lost")
    forwarder = start()
    forwarder.turn()
    for number in range(10):
        inbox.put(str(number))
        clock.now += LATER / 10 + 0.1
        forwarder.turn()
    forwarder.turn()
    assert api.events.count("lost") == 2
    assert waiting(inbox) == []


def test_an_event_that_never_starts_a_run_is_reported_once(start, inbox, api, clock, reports):
    """A message that starts no run is tried on and on, reported once, and holds up nobody."""
    api.loses = lambda body: body == "bad"
    inbox.put("bad")
    forwarder = start()
    for number in range(40):
        inbox.put(str(number))
        forwarder.turn()
        clock.now += 700
        forwarder.turn()
    assert waiting(inbox) == ["bad"]
    assert len(reports) == 1
    assert "started no flow run" in reports[0]
    assert api.events.count("bad") > 10


def test_nothing_is_emitted_while_the_api_is_away(start, inbox, api, clock):
    """For hours without an answer nothing is lost, counted as tried, or piled up in memory."""
    for number in range(100):
        inbox.put(f"{number} {'x' * 10_000}")
    api.is_away = True
    forwarder = start()

    def ask(times):
        for _ in range(times):
            clock.now += 15
            with pytest.raises(httpx.ConnectError):
                forwarder.turn()

    ask(20)
    tracemalloc.start()
    ask(20)
    before = tracemalloc.get_traced_memory()[0]
    ask(500)
    assert tracemalloc.get_traced_memory()[0] - before < 100_000
    tracemalloc.stop()
    assert len(waiting(inbox)) == 100
    assert {message.emissions for message in inbox.waiting(1000)} == {0}
    api.is_away = False
    while forwarder.turn():
        pass
    assert [int(body.split()[0]) for body in api.events] == list(range(100))


def test_after_a_kill_a_run_that_is_there_is_found(start, inbox, api):
    """A forwarder that starts after another was killed finds the runs; it emits nothing anew."""
    inbox.put("a")
    start().turn()
    forwarder = start()
    forwarder.turn()
    assert waiting(inbox) == []
    assert api.events == ["a"]


def test_an_equal_message_later_gets_a_run_of_its_own(start, inbox, api):
    """A push that comes again after it was handed over starts a run again."""
    inbox.put("a")
    forwarder = start()
    forwarder.turn()
    forwarder.turn()
    inbox.put("a")
    forwarder.turn()
    forwarder.turn()
    assert waiting(inbox) == []
    assert api.events == ["a", "a"]


def test_a_run_of_long_ago_is_no_answer(start, inbox, api):
    """A run of an equal message from well before the push does not count as the push's run."""
    api.start("a", ago=3600)
    inbox.put("a")
    forwarder = start()
    forwarder.turn()
    assert api.events == ["a"]


def test_only_some_are_on_their_way_at_once(start, inbox, api):
    """Prefect's queues, which drop what does not fit, see a few events at a time."""
    api.loses = lambda _body: True
    for number in range(200):
        inbox.put(str(number))
    forwarder = start()
    for _ in range(5):
        forwarder.turn()
    assert api.events == [str(number) for number in range(20)]


def test_a_large_message_travels_by_address(start, inbox, api, home):
    """Above what a flow run's parameter may hold, the event has the address of the message."""
    body = "<a>" + 'x"' * (LARGEST_INLINE_BYTES // 3)
    assert len(body) < LARGEST_INLINE_BYTES  # it is the JSON of it that is too large
    inbox.put(body)
    forwarder = start()
    forwarder.turn()
    (address,) = api.events
    assert address.startswith((home / "claims").as_uri())
    (file,) = (home / "claims").glob("*.msg")
    assert file.read_text() == body
    forwarder.turn()
    assert waiting(inbox) == []
    Claims(settings.load()).remove(address)
    assert not list((home / "claims").glob("*.msg"))


def test_claims_that_nobody_knows_are_removed(home):
    """A large message that the inbox has forgotten goes, one that it knows stays."""
    claims = Claims(settings.load())
    body = "x" * LARGEST_INLINE_BYTES
    known = claims.parameter("1", "aa", body)
    claims.parameter("2", "bb", body)
    assert claims.digest(known) == "aa"
    assert claims.remove_unless(lambda digest: digest == "aa") == 1
    assert [file.name for file in (home / "claims").glob("*.msg")] == ["aa-1.msg"]

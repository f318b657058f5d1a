"""`gridletter serve` with somebody else's Prefect server, which goes away, and claims on S3."""

from __future__ import annotations

import time

import boto3
import httpx
import mail_server
import pytest

import dynamodb_standin
import prefect_server
import s3_standin
from documents import envelope
from flows.claims import LARGEST_INLINE_BYTES
from notebooks import write
from serve_rig import Serving, sample, until
from waiting import free_port

pytestmark = pytest.mark.timeout(600)

LETTER = "import time\nfrom flows import desk\ntime.sleep(1)\ndesk.headline('Wind and sun')"
# Longer than Prefect's client asks again by itself, so that runs end without the API.
AWAY_SECONDS = 40


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    """A mail server, a process of its own."""
    with mail_server.serving(tmp_path_factory.mktemp("mails") / "taken.txt") as running:
        yield running


@pytest.fixture(autouse=True)
def _no_survivors():
    """Let the mail server live from test to test: it ends with its fixture."""


@pytest.fixture(scope="module")
def claims():
    """Have a bucket for large messages, on loopback."""
    with s3_standin.serving() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**dynamodb_standin.CREDENTIALS, s3_standin.ENDPOINT: endpoint}.items():
            environment.setenv(name, value)
        yield s3_standin.new_bucket()


class Api:
    """A Prefect server that can go away; it comes back on its port, with all that it had."""

    def __init__(self, home) -> None:
        self._home = home
        self._port = free_port()
        self.come()

    def come(self) -> None:
        """Start it."""
        self._running = prefect_server.serving(self._home, self._port)
        self.url = self._running.__enter__()

    def go(self) -> None:
        """Kill it."""
        self._running.__exit__(None, None, None)

    def states(self) -> list[str]:
        """Return the states of all runs of `publish`."""
        told = {"flows": {"name": {"any_": ["publish"]}}}
        return [each["state_name"] for each in self.runs(told)]

    def runs(self, told):
        """Return the flow runs that a filter finds."""
        return httpx.post(f"{self.url}/flow_runs/filter", json=told).json()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """A Prefect server that is not ours."""
    server = Api(tmp_path_factory.mktemp("prefect"))
    yield server
    server.go()


@pytest.fixture(scope="module")
def serving(tmp_path_factory, mails, api, claims):
    """The command with that server and that bucket."""
    letters = tmp_path_factory.mktemp("letters")
    write(letters, LETTER)
    home = tmp_path_factory.mktemp("serve") / "home"
    told = {
        "GRIDLETTER_NOTEBOOKS": str(letters),
        "GRIDLETTER_CLAIMS": claims,
        "PREFECT_API_URL": api.url,
        "PREFECT_HOME": str(home / "prefect"),
    }
    with Serving(home, mails.port, **told) as running:
        yield running


def claimed(claims):
    """Return the names of what waits in the bucket."""
    bucket = claims.removeprefix("s3://").partition("/")[0]
    found = boto3.client("s3").list_objects_v2(Bucket=bucket)
    return [each["Key"] for each in found.get("Contents", [])]


def test_a_large_push_travels_by_a_claim_on_s3(serving, mails, api, claims):
    """Above Prefect's limit a message waits in the bucket, and its run gets the address."""
    assert serving.prefect == api.url.removesuffix("/api")
    large = envelope(sample(0)).replace("<msg:Header>", f"<msg:Header>{' ' * LARGEST_INLINE_BYTES}")
    serving.push(large)
    until(lambda: mails.count() == 1, 120)
    [run] = api.runs({"flows": {"name": {"any_": ["publish"]}}})
    assert run["parameters"]["event_msg"].startswith(f"{claims}/")
    until(lambda: not claimed(claims), 30)


def test_all_goes_on_after_the_api_was_away_for_long(serving, mails, api, figures):
    """Killed in the middle of runs and away for long: all pushes are published, each once."""
    before = mails.count()
    for day in range(1, 4):
        serving.push(envelope(sample(day)))
    until(lambda: "Running" in api.states(), 60)
    api.go()
    for day in range(4, 7):
        serving.push(envelope(sample(day)))
    time.sleep(AWAY_SECONDS)
    assert serving.metric("gridletter_queue_messages") >= 3
    api.come()
    back = time.monotonic()
    until(lambda: mails.count() >= before + 6, 150)
    figures["s to the last mail, after it was back"] = round(time.monotonic() - back, 1)
    until(lambda: set(api.states()) == {"Completed"}, 90)
    taken = mails.mails()
    assert len(set(taken)) == len(taken) == before + 6
    assert serving.metric("gridletter_events_without_run_total") == 0
    assert all(name in serving.log() for name in ("messages wait", "messages go on"))

"""`gridletter serve`, for real: from a push over HTTP to a mail, a page and a figure."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from unittest.mock import Mock
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prefect.client.schemas.objects import StateType

import serve_rig
from documents import envelope
from flows import settings
from flows.claims import Claims
from flows.delivery.ledger import open_ledger
from flows.gateway.inbox import Inbox
from flows.serve import names, orphans, runner, server, watch
from flows.serve.bell import Bell
from flows.serve.runs import owner
from flows.serve.tell import tell
from serve_rig import Serving, family, said, sample, seconds_to_mail, until
from smtp_sink import Sink

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def sink():
    """A mail server that takes everything."""
    with Sink() as running:
        yield running


@pytest.fixture(scope="module")
def serving(tmp_path_factory, sink):
    """The command, running, with a document that is expected."""
    home = tmp_path_factory.mktemp("serve") / "home"
    with Serving(home, sink.port, ["--expect", "A69@DE_LU=18:00"]) as running:
        yield running


def failing(home, *options):
    """Run the command with options with which it can't start; return what it says."""
    done = subprocess.run(
        [*serve_rig.COMMAND, *options],
        env=serve_rig.environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_a_push_becomes_a_mail_and_a_page(serving, sink, capsys):
    """A SOAP push over HTTP is a mail at the mail server, a page in the archive and a figure."""
    messages = [envelope(sample(day)) for day in range(4)]
    seconds = seconds_to_mail(serving, lambda: len(sink.mails), messages)
    with capsys.disabled():
        print(f"\nseconds from POST to mail: {said(seconds)}")  # noqa: T201 — a figure for who runs it
    assert sink.recipients == ["ada@reader.example"] * 4
    until(lambda: serving.metric("gridletter_seconds_to_sent_count") == 4, 30)
    assert serving.metric("gridletter_events_total") == 4
    assert serving.metric("gridletter_issues_total", state="published") == 4
    assert serving.metric("gridletter_mails_total", outcome="accepted") == 4
    assert serving.metric("gridletter_queue_messages") == 0
    front = httpx.get(serving.url)
    assert front.status_code == 200
    assert "Wind" in front.text
    assert httpx.get(f"{serving.url}healthz").json()["ok"] is True


def test_runs_are_recorded_in_prefect(serving):
    """Each push is a completed flow run of the deployment, with its log, in Prefect's API."""
    api = f"{serving.prefect}/api"
    query = {"deployments": {"name": {"any_": ["gridletter"]}}}
    runs = httpx.post(f"{api}/flow_runs/filter", json=query).json()
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    assert len(runs) == 4
    query = {"logs": {"flow_run_id": {"any_": [runs[0]["id"]]}}}
    until(lambda: httpx.post(f"{api}/logs/filter", json=query).json(), 10)
    until(lambda: httpx.get(f"{api}/work_pools/gridletter").json()["status"] == "READY", 20)


def test_what_is_expected_is_looked_for_by_its_runners(serving):
    """`--expect` is a schedule of the flow `expect` in the pool of the resident runners."""
    found = httpx.get(f"{serving.prefect}/api/deployments/name/expect/gridletter").json()
    assert found["work_pool_name"] == "gridletter"
    assert [each["parameters"] for each in found["schedules"]] == [{"expected": "A69@DE_LU=18:00"}]


def test_what_can_not_be_expected_is_one_clear_line(tmp_path):
    """A wrong `--expect` is said in one line, before anything starts."""
    said = failing(tmp_path / "home", "--port", "0", "--expect", "A69=25h")
    assert said.count("\n") == 1
    assert "A69=25h is not TYPE=HH:MM" in said


def test_names_are_those_of_the_deployments():
    """The flows that are looked for and started by name are deployed under these names."""
    from flows.deploy import deployments
    from flows.publish import publish
    from flows.resume import resume

    assert publish.name == names.PUBLISH
    assert f"{resume.name}/{deployments.DEPLOYMENT}" == names.RESUME


def test_a_port_in_use_is_one_clear_line(tmp_path):
    """A port that another program has is said in one line, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = failing(tmp_path / "home", "--port", str(taken.getsockname()[1]))
    assert said.count("\n") == 1
    assert "can't be listened on" in said
    assert "--port" in said


def test_two_never_share_a_home(serving):
    """A second command with the same home is refused in one line, and the first goes on."""
    said = failing(serving.home, "--port", "0")
    assert said.count("\n") == 1
    assert "another gridletter serve has the home" in said
    assert httpx.get(f"{serving.url}healthz").status_code == 200


def test_a_home_that_is_no_folder_is_one_clear_line(tmp_path):
    """A home that can't be written is said in one line."""
    (tmp_path / "home").write_text("")
    said = failing(tmp_path / "home", "--port", "0")
    assert said.count("\n") == 1
    assert "can't be written" in said


@pytest.fixture
def pool(serving):
    """A work pool of its own on the same API, with a way to start runs that nobody takes."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.serve.runs import Pool

    name = f"other-{uuid4().hex[:8]}"
    with (
        temporary_settings({PREFECT_API_URL: f"{serving.prefect}/api"}),
        get_client(sync_client=True) as client,
    ):
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        idle = flow(lambda: None, name=name)
        flow_id = client.create_flow(idle)
        deployment = client.create_deployment(flow_id, name, work_pool_name=name)
        found = Pool(client, name)
        object.__setattr__(
            found, "begin", lambda: client.create_flow_run_from_deployment(deployment)
        )
        object.__setattr__(found, "flow", idle)
        yield found


def test_automations_act_on_the_running_server(monkeypatch):
    """The client by which Prefect's server acts is led to the app that is kept at hand."""
    from prefect.server.api import server as prefect_server
    from prefect.server.api.clients import OrchestrationClient

    monkeypatch.setattr(prefect_server, "create_app", pytest.fail)
    app = FastAPI()
    server.keep_at_hand(app)
    assert OrchestrationClient()._http_client._transport.app is app


def test_two_runners_never_have_the_same_run(pool):
    """Of many runners that claim a run at once, one gets it, and its name stands in the run."""
    run = pool.begin()
    names = [f"gridletter test {number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as threads:
        got = list(threads.map(lambda name: pool.claim(run, name), names))
    assert sum(got) == 1
    (unfinished,) = pool.unfinished(StateType.PENDING)
    assert owner(unfinished) == names[got.index(True)]
    assert pool.scheduled() == []


def test_runs_of_a_dead_runner_are_run_again(pool):
    """What a runner had is put back when it starts again, and nothing of the others."""
    for name in ("gridletter a", "gridletter b"):
        assert pool.claim(pool.begin(), name)
    assert list(orphans.of_runner(pool, "gridletter a")) == []
    (again,) = pool.scheduled()
    assert again.state_name == "AwaitingRetry"
    (left,) = pool.unfinished(StateType.PENDING)
    assert owner(left) == "gridletter b"
    assert pool.claim(again, "gridletter b")


def test_runs_of_the_silent_are_run_again(pool, monkeypatch):
    """A run whose runner shows no life is put back; that of a living one, or of others, is not."""
    monkeypatch.setattr(orphans, "LONGEST_SILENCE_SECONDS", -1)
    pool.heartbeat("gridletter alive")
    for name in ("gridletter alive", "gridletter silent", "a worker of another kind"):
        assert pool.claim(pool.begin(), name)
    assert list(orphans.of_the_dead(pool)) == []
    assert len(pool.scheduled()) == 1
    names = {run.state.message for run in pool.unfinished(StateType.PENDING)}
    assert names == {"gridletter alive", "a worker of another kind"}


def test_a_run_that_kills_its_runners_is_given_up(pool, monkeypatch):
    """After several runs that their runners did not survive, a run ends as crashed, with why."""
    monkeypatch.setattr(orphans, "MOST_RUNS", 0)
    assert pool.claim(pool.begin(), "gridletter a")
    (why,) = orphans.of_runner(pool, "gridletter a")
    assert "given up" in why
    assert pool.scheduled() == []
    assert [run.state_name for run in pool.unfinished(StateType.CRASHED)] == ["Crashed"]


def test_stuck_runs_are_reported_once(pool, home, monkeypatch):
    """A run that stays pending, and one that nobody takes, are each reported to the operators."""
    monkeypatch.setattr(watch, "PENDING_SECONDS", -1)
    monkeypatch.setattr(watch, "UNTAKEN_SECONDS", -1)
    pool.claim(pool.begin(), "a worker of another kind")
    pool.begin()
    told = []
    inbox = Inbox(home / "inbox.db")
    options = settings.load()
    ledger = open_ledger(options.ledger_address)
    looking = watch.Watch(pool, inbox, ledger, Claims(options), told.append)
    for _ in range(3):
        looking.look()
    pending, untaken = told
    assert "has been pending for" in pending
    assert "nobody takes runs from the pool" in untaken
    assert looking.stuck == 2


def test_runs_for_later_do_not_hold_up_mails(pool, home):
    """Mails that are due again are gone on with though runs are scheduled, but for another day."""
    from prefect.states import Scheduled

    run = pool.begin()
    tomorrow = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
    pool.client.set_flow_run_state(run.id, tomorrow, force=True)
    ledger = Mock(unfinished=lambda: [Mock()], next_due=lambda _: 0)
    started = []
    object.__setattr__(pool, "start", started.append)
    options = settings.load()
    inbox = Inbox(home / "inbox.db")
    watch.Watch(pool, inbox, ledger, Claims(options), pytest.fail).look()
    assert started == [names.RESUME]
    pool.begin()
    watch.Watch(pool, inbox, ledger, Claims(options), pytest.fail).look()
    assert started == [names.RESUME]


def test_a_runner_that_has_become_old_ends_between_two_runs(pool, home, monkeypatch):
    """After its last run a runner ends and the next one takes what is left: each run runs once."""
    ran = []
    flow = pool.flow.with_options(retries=0)
    flow.fn = lambda: ran.append(1)
    monkeypatch.setattr(runner, "MOST_RUNS", 1)
    monkeypatch.setattr(runner, "POOL", pool.name)
    monkeypatch.setattr(runner, "_FLOWS", {flow.name: flow})
    runs = [pool.begin() for _ in range(2)]
    for number in range(2):
        beating = Mock(missed_since=lambda _: False)
        runner.Runner(pool.client, f"gridletter {number}", settings.load(), beating, Bell(-1)).run()
        assert len(ran) == number + 1
    states = {pool.state(run.id).name for run in runs}
    assert states == {"Completed"}


def test_a_runner_that_waits_hears_the_bell(pool, home, monkeypatch):
    """A free runner takes a run when it is rung for, however long it would have waited."""
    ran = []
    waits = Event()

    class Listening(Bell):
        def wait(self, seconds):
            if seconds:
                waits.set()
            return super().wait(seconds)

    flow = pool.flow.with_options(retries=0)
    flow.fn = lambda: ran.append(1)
    monkeypatch.setattr(runner, "MOST_RUNS", 1)
    monkeypatch.setattr(runner, "POOL", pool.name)
    monkeypatch.setattr(runner, "_RUNG_FOR_SECONDS", 3600)
    monkeypatch.setattr(runner, "_FLOWS", {flow.name: flow})
    heard, rung = os.pipe()
    beating = Mock(missed_since=lambda _: False)
    one = runner.Runner(pool.client, "gridletter 0", settings.load(), beating, Listening(heard))
    # A thread starts without the context, by which Prefect knows its API.
    running = Thread(target=copy_context().run, args=(one.run,), daemon=True)
    running.start()
    assert waits.wait(60)
    pool.begin()
    Bell(rung).ring()
    running.join(60)
    assert ran == [1]
    os.close(heard)
    os.close(rung)


def test_the_operators_get_a_mail(home, monkeypatch):
    """What needs an operator is a mail to them, with what happened and what to do."""
    monkeypatch.setenv("GRIDLETTER_OPERATORS", "ops@grid.example")
    tell(settings.load(), "a flow run needs you", "it hangs. Look at it.")
    (mail,) = (home / "outbox").glob("*.eml")
    text = mail.read_text()
    assert "ops@grid.example" in text
    assert "Subject: Gridletter: a flow run needs you" in text
    assert "it hangs" in text


def test_sigterm_leaves_nothing_behind(serving):
    """SIGTERM ends the command with code 0, and no process of its home is left."""
    assert len(family(serving.home)) >= 4
    assert serving.stop(signal.SIGTERM) == 0
    until(lambda: not family(serving.home), 5)
    with pytest.raises(httpx.ConnectError):
        httpx.get(serving.url)

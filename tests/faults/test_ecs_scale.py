"""Beyond one machine: a send and a backfill by ECS tasks side by side, of which one is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import boto3
import httpx
import pytest
from year_of_documents import ZONES, write_year

import ecs_rig
from deploying import run, runs_of
from flows.archive import Archive, open_store
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from waiting import until

pytest_plugins = ("prefect_server",)
pytestmark = pytest.mark.timeout(600)
SAMPLES = Path(__file__).parents[2] / "notebooks" / "samples"
GRIDLETTER = str(Path(sys.executable).with_name("gridletter"))
PAGES = "https://news.example/"
READERS = 150
CONNECTIONS = 2
SHARDS = 3
DAYS = 2
JOBS = 2


@pytest.fixture(scope="module")
def stack(aws, sink):
    """Have a stack, with many subscribers in its tables."""
    secrets = {"GRIDLETTER_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?security=none"}
    outputs = ecs_rig.stack(secrets) | {"archive_url": PAGES}
    open_directory(outputs["ledger"]).add(
        [Subscriber("Ada", f"reader{number:04}@mail.example") for number in range(READERS)]
    )
    return outputs


@pytest.fixture(scope="module")
def agent(aws, api, stack, tmp_path_factory):
    """Have a pool of type ecs with its worker, and ECS's own part."""
    folder = tmp_path_factory.mktemp("ecs")
    (folder / "outputs.json").write_text(json.dumps(stack))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRIDLETTER_MAILS_PER_SHARD", str(READERS // SHARDS))
        environment.setenv("GRIDLETTER_MAIL_SHARDS", str(SHARDS))
        environment.setenv("GRIDLETTER_MAIL_CONNECTIONS", str(CONNECTIONS))
        run(
            *("deploy", "--pool", "tasks", "--type", "ecs", "--image", "local/gridletter:1"),
            *("--stack-outputs", str(folder / "outputs.json")),
        )
    _silence_alarms(api)
    with ecs_rig.worker(api, folder), ecs_rig.Agent(folder, aws) as running:
        yield running


def _silence_alarms(api):
    """Switch the alarms off, each of which takes a task: another test is about them."""
    for each in httpx.post(f"{api}/automations/filter", json={}).json():
        if "a run " in each["name"]:
            httpx.patch(f"{api}/automations/{each['id']}", json={"enabled": False})


def task_of(agent, flow_run):
    """Return the task of the flow run, once there is one."""

    def find():
        return [task for task in agent.tasks if flow_run in task.environment.values()]

    return until(find, 240, "the task")[0]


def rows():
    """Return the ledger's rows, of all issues."""
    table = boto3.resource("dynamodb").Table(f"{ecs_rig.NAME}-deliveries")
    found, page = [], {}
    while True:
        page = table.scan(ConsistentRead=True, **page)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        page = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def ended(api, flow):
    """Return the flow's runs once all have ended."""
    return until(
        lambda: (found := runs_of(api, flow)) and all(each["end_time"] for each in found) and found,
        240,
        f"the end of {flow}",
    )


def test_a_send_is_shared_by_tasks_of_which_one_is_killed(agent, api, sink, figures):
    """Everyone gets one mail: what the killed task had claimed, the others send at once."""
    sink.behaviour.delay_seconds = 5  # until all are sending, and one is killed
    run("emit", str(SAMPLES / "load_DE_LU_forecast.xml"))
    shards = until(
        lambda: len(found := runs_of(api, "deliver")) == SHARDS - 1 and found, 240, "the shards"
    )

    def senders():
        holding = [row for row in rows() if row["state"] in {"claimed", "sending"}]
        return {row["token"].rpartition(" ")[0] for row in holding}

    running = {"RUNNING"}
    until(
        lambda: {each["state_type"] for each in runs_of(api, "deliver")} == running, 240, "them all"
    )
    until(lambda: len(senders()) == SHARDS, 240, "mails in the hands of all")
    agent.kill(task_of(agent, shards[0]["id"]))
    before = len(sink.mails)
    sink.behaviour.delay_seconds = 0
    started = time.monotonic()
    [publishing] = ended(api, "publish")
    assert agent.error is None
    assert publishing["state_name"] == "Completed", publishing["state"]

    states = Counter(row["state"] for row in rows())
    assert set(states) <= {"accepted", "unknown"}
    assert states.total() == READERS
    assert states["unknown"] <= CONNECTIONS
    mails = Counter(recipient for mail in sink.mails for recipient in mail.recipients)
    assert max(mails.values()) == 1
    without = {row["email"] for row in rows() if row["state"] == "unknown"}
    assert {row["email"] for row in rows()} - set(mails) <= without
    assert mails.total() >= states["accepted"]

    killed, other = sorted(ended(api, "deliver"), key=lambda each: each["state_name"] != "Crashed")
    assert (killed["id"], killed["state_name"]) == (shards[0]["id"], "Crashed")
    assert other["state_name"] == "Completed"
    figures.update(
        {
            "mails": mails.total(),
            "tasks": SHARDS,
            "mails a second after the kill": round(
                (mails.total() - before) / (time.monotonic() - started)
            ),
        }
    )


def test_the_publishing_run_says_who_helped_and_who_was_lost(agent, api):
    """An operator finds in its log that the send was shared, and which flow run crashed."""
    [publishing] = runs_of(api, "publish")
    task = task_of(agent, publishing["id"])
    assert "the send is shared with 2 flow runs" in agent.output(task)
    assert "is lost (Crashed" in agent.output(task)


def test_a_backfill_runs_on_the_pool_though_task_and_command_are_killed(
    agent, api, stack, sink, tmp_path, figures
):
    """A flow run a document, so many at once, each series in its order; all issues, no mail."""
    write_year(tmp_path / "documents", DAYS)
    places = list(ZONES)[:JOBS]
    mails = len(sink.mails)
    options = {"ARCHIVE": stack["archive"], "CLAIMS": stack["claims"], "PUBLIC_URL": PAGES}
    told = os.environ | {f"GRIDLETTER_{name}": value for name, value in options.items()}
    told |= {"PREFECT_API_URL": api, "GRIDLETTER_HOME": str(tmp_path / "home")}
    folders = [str(tmp_path / "documents" / code) for code in places]
    command = [GRIDLETTER, "backfill", *folders, "--pool", "tasks", "--jobs", str(JOBS)]
    total = DAYS * len(places)
    started = time.monotonic()
    first = subprocess.Popen(command, env=told)
    begun = until(
        lambda: len(found := runs_of(api, "backfill-event")) == JOBS and found, 240, "the runs"
    )
    first.kill()
    first.wait()
    lost = task_of(agent, begun[0]["id"])
    until(lambda: "Beginning flow run" in agent.output(lost), 240, "the flow")
    agent.kill(lost)
    done = subprocess.run(
        command, env=told, check=False, stdout=subprocess.PIPE, text=True, timeout=400
    )
    seconds = time.monotonic() - started

    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith("0 skipped, 0 ignored, 0 failed")
    archive = Archive(open_store(stack["archive"]), PAGES)
    paths = [
        path for path in archive.store.list("issues/wind_solar/") if path.endswith("issue.json")
    ]
    issues = [archive.load(path.rpartition("/")[0]) for path in paths]
    assert len(issues) == total
    for code in places:
        series = sorted((each for each in issues if each.zone.code == code), key=lambda i: i.start)
        assert len(series) == DAYS
        assert all(later.previous == earlier.issue_id for earlier, later in pairwise(series))
    assert archive.rebuild(lambda *_: None).damaged == []
    assert len(sink.mails) == mails

    runs = runs_of(api, "backfill-event")
    assert Counter(each["state_type"] for each in runs) == {"COMPLETED": total, "CRASHED": 1}
    assert most_at_once(runs) <= JOBS
    figures.update({"issues": total, "tasks at once": JOBS, "seconds of the backfill": seconds})


def most_at_once(runs):
    """Return how many of the flow runs were under way at once."""
    moments = []
    for each in runs:
        moments.append((datetime.fromisoformat(each["start_time"]), 1))
        moments.append((datetime.fromisoformat(each["end_time"]), -1))
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def test_a_pool_that_the_flows_are_not_on_is_refused(agent, api, monkeypatch, tmp_path):
    """Another pool's name, and an archive that tasks can't reach, are named before any run."""
    before = len(runs_of(api, "backfill-event"))
    folder = str(tmp_path)
    assert "deployed to tasks" in run("backfill", folder, "--pool", "other", code=1)
    assert "the archive is a folder" in run("backfill", folder, "--pool", "tasks", code=1)
    assert len(runs_of(api, "backfill-event")) == before
    assert httpx.get(f"{api}/work_pools/tasks").json()["type"] == "ecs"

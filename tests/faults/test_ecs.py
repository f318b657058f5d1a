"""From an event to mail, page and ledger with each flow run an ECS task: nothing but loopback."""

from __future__ import annotations

import json
import time
from pathlib import Path

import boto3
import pytest

import ecs_rig
from deploying import run, runs_of
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from waiting import until

pytest_plugins = ("prefect_server",)
pytestmark = pytest.mark.timeout(600)
SAMPLES = Path(__file__).parents[2] / "notebooks" / "samples"
PAGES = "https://news.example/"
OPERATORS = "operators@mail.example"


@pytest.fixture(scope="module")
def agent(aws, sink, api, tmp_path_factory):
    """Have a stack, a pool of type ecs with its worker, and ECS's own part."""
    folder = tmp_path_factory.mktemp("ecs")
    secrets = {"GRIDLETTER_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?security=none"}
    outputs = ecs_rig.stack(secrets) | {"archive_url": PAGES}
    (folder / "outputs.json").write_text(json.dumps(outputs))
    open_directory(outputs["ledger"]).add(
        [Subscriber("Ada", f"{name}@mail.example") for name in ("ada", "ben")]
    )
    deploy = ("deploy", "--pool", "tasks", "--type", "ecs", "--image", "local/gridletter:1")
    given = ("--stack-outputs", str(folder / "outputs.json"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRIDLETTER_OPERATORS", OPERATORS)
        run(*deploy, *given)
        assert "nothing to change" in run(*deploy, *given)
    with ecs_rig.worker(api, folder), ecs_rig.Agent(folder, aws) as running:
        yield running


def test_an_event_becomes_mail_page_and_ledger_through_an_ecs_task(agent, sink, figures):
    """Event, automation, pool, worker, RunTask, flow: page in S3, a mail each, ledger balanced."""
    started = time.monotonic()
    said = json.loads(
        run("emit", str(SAMPLES / "load_DE_LU_forecast.xml"), "--wait", "240", "--json")
    )
    took = time.monotonic() - started
    [task] = agent.tasks
    assert said["state"] == "Completed", agent.output(task)
    assert agent.error is None
    figures["seconds from the event to the end of its task"] = round(took, 1)

    listed = boto3.client("s3").list_objects_v2(Bucket=f"{ecs_rig.NAME}-archive")["Contents"]
    paths = [each["Key"] for each in listed]
    [issue] = [path for path in paths if path.startswith("issues/") and path.endswith("issue.json")]
    assert "index.html" in paths

    recipients = sorted(recipient for mail in sink.mails for recipient in mail.recipients)
    assert recipients == ["ada@mail.example", "ben@mail.example"]
    assert all(PAGES in mail.data.decode() for mail in sink.mails)

    rows = boto3.client("dynamodb").scan(TableName=f"{ecs_rig.NAME}-deliveries")["Items"]
    assert [row["state"]["S"] for row in rows] == ["accepted", "accepted"]
    assert issue


def test_the_secret_reaches_the_container_and_nothing_else(agent, api):
    """The mail server's address is in the container alone: by its ARN in task and deployment."""
    [task] = agent.tasks
    address = task.environment["GRIDLETTER_SMTP_URL"]
    assert address.startswith("smtp://127.0.0.1")
    assert address not in json.dumps([task.seen, task.definition], default=str)
    assert address not in json.dumps(runs_of(api, "publish"))


def test_the_same_event_again_sends_nothing_twice(agent, sink):
    """A second task with the same message finds all done."""
    before = len(sink.mails)
    said = json.loads(
        run("emit", str(SAMPLES / "load_DE_LU_forecast.xml"), "--wait", "240", "--json")
    )
    assert said["state"] == "Completed"
    assert len(agent.tasks) == 2
    assert len(sink.mails) == before


def test_a_task_that_is_killed_is_a_crash_that_operators_hear_of(agent, api, sink):
    """A task lost in the middle ends its run as crashed, and another task mails the operators."""
    run("emit", str(SAMPLES / "wind_solar_DE_LU.xml"))
    task = until(lambda: agent.tasks[2:] and agent.tasks[2], 60, "the task")
    until(lambda: "Beginning flow run" in agent.output(task), 120, "the flow")
    agent.kill(task)
    [alarm] = until(lambda: runs_of(api, "alarm"), 90, "the alarm")
    assert "crashed" in alarm["parameters"]["reason"]
    until(lambda: sink.mails[-1].recipients == (OPERATORS,), 120, "the mail")
    assert b"crashed" in sink.mails[-1].data

"""The Pulumi program's stack at work, with each call to AWS written down and judged by its roles.

An access key of its own tells whose call it was: the flow's in its task, the worker's that starts
tasks as Prefect's push pool does, and ECS's own under the execution role.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import boto3
import httpx
import pytest

import aws_calls
import ecs_rig
import iam_judge
from aws_calls import Call
from deploying import run, runs_of
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from waiting import until

pytest_plugins = ("prefect_server",)
pytestmark = pytest.mark.timeout(900)
SAMPLES = Path(__file__).parents[2] / "notebooks" / "samples"
STACK = "gridletter-dev"
TASK, PUSH = "task", "push"
IDENTITIES = {
    TASK: f"arn:aws:iam::{aws_calls.ACCOUNT}:role/{STACK}-task",
    PUSH: f"arn:aws:iam::{aws_calls.ACCOUNT}:user/{STACK}-push",
    ecs_rig.EXECUTION: f"arn:aws:iam::{aws_calls.ACCOUNT}:role/{STACK}-execution",
}
# The worker of a pool of type ecs listens to a queue, which Prefect Cloud does not.
WORKERS_OWN = "sqs:"
# What the rig's ECS does not do, as images here lie beside it (ECS developer guide, "Task execution
# IAM role").
FETCHING = (
    ("ecr:GetAuthorizationToken", "*"),
    ("ecr:BatchGetImage", "repository"),
    ("ecr:GetDownloadUrlForLayer", "repository"),
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Give the file in which calls are written down."""
    return tmp_path_factory.mktemp("calls") / "recording"


@pytest.fixture(scope="module")
def aws(recording):
    """Serve AWS on loopback, each request written down."""
    iam_judge.needed()
    with ecs_rig.aws(recording) as told:
        yield told


@pytest.fixture(scope="module")
def made(aws, sink):
    """Make the stack by the program; give its outputs and policies."""
    smtp = f"smtp://127.0.0.1:{sink.port}?security=none"
    return ecs_rig.stack_of_program({"gridletter:smtp_url": smtp})


@pytest.fixture(scope="module")
def agent(aws, api, made, tmp_path_factory):
    """Deploy by the stack's outputs; run the worker and ECS's own part."""
    outputs, _ = made
    folder = tmp_path_factory.mktemp("ecs")
    (folder / "outputs.json").write_text(json.dumps(outputs))
    open_directory(outputs["ledger"]).add(
        [Subscriber("Ada", f"{name}@mail.example") for name in ("ada", "ben")]
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRIDLETTER_OPERATORS", "operators@mail.example")
        run(
            *("deploy", "--pool", "tasks", "--type", "ecs", "--image", "local/gridletter:1"),
            *("--stack-outputs", str(folder / "outputs.json")),
        )
    with (
        ecs_rig.worker(api, folder, AWS_ACCESS_KEY_ID=PUSH),
        ecs_rig.Agent(folder, aws | {"AWS_ACCESS_KEY_ID": TASK}, cluster=STACK) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def calls(aws, agent, api, made, sink, recording):
    """Have the stack do all that it is for; give each identity's different calls."""
    outputs, _ = made
    completed(agent, "emit", str(SAMPLES / "outage_alert_BE.xml"))
    completed(agent, "emit", str(SAMPLES / "outage_alert_BE_update.xml"))
    boto3.client("s3").put_object(
        Bucket=outputs["claims"].removeprefix("s3://"),
        Key="message",
        Body=(SAMPLES / "wind_solar_DE_LU.xml").read_bytes(),
    )
    start(api, "publish", {"event_msg": f"{outputs['claims']}/message"})
    ended(agent, api, "publish", 3)
    link = re.search(rb"List-Unsubscribe: <([^>]*)>", sink.mails[0].data)
    assert link is not None
    start(api, "unsubscribe", {"event_msg": link[1].decode()})
    ended(agent, api, "unsubscribe", 1)
    start(api, "resume", {})
    ended(agent, api, "resume", 1)

    lost(agent, api, recording)
    cancelled(agent, aws)
    assert agent.error is None
    return aws_calls.read(recording)


def completed(agent, *command):
    """Send an event, and see its flow run through."""
    said = json.loads(run(*command, "--wait", "240", "--json"))
    assert said["state"] == "Completed", agent.output(agent.tasks[-1])


def start(api, flow, parameters):
    """Start a run of the flow's deployment; return its id."""
    found = httpx.get(f"{api}/deployments/name/{flow}/gridletter").raise_for_status().json()
    told = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    return posted(f"{api}/deployments/{found['id']}/create_flow_run", told)["id"]


def posted(url, told):
    """Post to the API, again while its database is busy; return the answer."""

    def answer():
        given = httpx.post(url, json=told, timeout=30)
        return given if given.status_code != httpx.codes.SERVICE_UNAVAILABLE else None

    return until(answer, 60, "an answer").raise_for_status().json()


def ended(agent, api, flow, number):
    """Wait until so many runs of the flow are completed."""

    def are():
        return [each["state_type"] for each in runs_of(api, flow)] == ["COMPLETED"] * number

    until(are, 240, f"the end of {flow}: {agent.output(agent.tasks[-1])[-2000:]}")


def lost(agent, api, recording):
    """Lose a task before its flow has begun; its log is fetched after its run has crashed."""
    before = len(agent.tasks)
    lost_run = start(api, "resume", {})
    task = until(lambda: agent.tasks[before:] and agent.tasks[-1], 60, "the task")
    agent.kill(task)
    until(lambda: state_of(api, lost_run) == "CRASHED", 60, "the crash")

    def is_fetched():
        return any(each.action == "logs:GetLogEvents" for each in aws_calls.read(recording))

    until(is_fetched, 60, "the log")


def cancelled(agent, aws):
    """Stop a task as the worker's own code does for a run that is cancelled before it began."""
    from prefect_aws import AwsCredentials
    from prefect_aws.workers.ecs_worker import ECSWorker

    push = AwsCredentials(
        aws_access_key_id=PUSH, aws_secret_access_key=PUSH, region_name=aws["AWS_REGION"]
    )
    task = agent.tasks[-1]
    configuration = SimpleNamespace(aws_credentials=push)
    ECSWorker("tasks")._stop_task(task.seen["clusterArn"], task.arn, configuration)


def state_of(api, flow_run):
    """Return the type of the run's state."""
    return httpx.get(f"{api}/flow_runs/{flow_run}").raise_for_status().json()["state_type"]


def of(identity, calls, made):
    """Return the identity's calls in order, with what the rig's ECS leaves out."""
    own = {each for each in calls if each.identity == identity}
    if identity == ecs_rig.EXECUTION:
        name = made[0]["repository_url"].partition("/")[2]
        here = f"arn:aws:ecr:{aws_calls.REGION}:{aws_calls.ACCOUNT}:repository/{name}"
        own |= {
            Call(identity, action, here if where == "repository" else where)
            for action, where in FETCHING
        }
    if identity == TASK:
        claims = made[0]["claims"].removeprefix("s3://")
        # Only who may list learns that a message is gone; S3 answers others with 403 (GetObject).
        own.add(Call(identity, "s3:ListBucket", f"arn:aws:s3:::{claims}"))
    return sorted(each for each in own if not each.action.startswith(WORKERS_OWN))


def test_the_stack_publishes_by_its_own_outputs(calls, made, sink):
    """What the program exports is all that deploying takes: page, ledger and mail come of it."""
    outputs, _ = made
    listed = boto3.client("s3").list_objects_v2(Bucket=outputs["archive"].removeprefix("s3://"))
    paths = [each["Key"] for each in listed["Contents"]]
    assert "index.html" in paths
    assert len([path for path in paths if path.endswith("/issue.json")]) == 3
    assert outputs["archive_url"].encode() in sink.mails[0].data
    assert calls


@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_call_passes_under_the_role_of_its_caller(identity, calls, made, figures):
    """Nothing that flow, push pool or ECS really asks for is refused."""
    own = of(identity, calls, made)
    figures[f"calls of {identity}"] = len(own)
    policies = made[1][IDENTITIES[identity].rpartition("/")[2]]
    answers = iam_judge.judge(IDENTITIES[identity], {"whole": policies}, own)["whole"]
    assert [call for call, passes in zip(own, answers, strict=True) if not passes] == []


@pytest.mark.parametrize("identity", IDENTITIES)
def test_no_action_is_there_for_nothing(identity, calls, made, figures):
    """Without any one of its actions, a call is refused."""
    own = of(identity, calls, made)
    policies = made[1][IDENTITIES[identity].rpartition("/")[2]]
    without = dict(iam_judge.weakened(policies))
    figures[f"actions of {identity}"] = len(without)
    answers = iam_judge.judge(IDENTITIES[identity], without, own)
    assert [action for action, passing in answers.items() if all(passing)] == []


@pytest.mark.parametrize(
    "call",
    [
        Call(
            PUSH,
            "iam:PassRole",
            IDENTITIES[ecs_rig.EXECUTION],
            (("iam:PassedToService", "ec2.amazonaws.com"),),
        ),
        Call(
            PUSH,
            "iam:PassRole",
            f"arn:aws:iam::{aws_calls.ACCOUNT}:role/{STACK}-deploy",
            (("iam:PassedToService", "ecs-tasks.amazonaws.com"),),
        ),
        Call(
            PUSH,
            "ecs:RunTask",
            f"arn:aws:ecs:{aws_calls.REGION}:{aws_calls.ACCOUNT}:task-definition/{STACK}:1",
            (("ecs:cluster", f"arn:aws:ecs:{aws_calls.REGION}:{aws_calls.ACCOUNT}:cluster/other"),),
        ),
        Call(
            PUSH,
            "ecs:RegisterTaskDefinition",
            f"arn:aws:ecs:{aws_calls.REGION}:{aws_calls.ACCOUNT}:task-definition/{STACK}2:1",
        ),
        Call(
            PUSH,
            "ecs:TagResource",
            f"arn:aws:ecs:{aws_calls.REGION}:{aws_calls.ACCOUNT}:task/{STACK}/0123456789abcdef",
            (("ecs:CreateAction", "CreateService"),),
        ),
        Call(TASK, "s3:GetObject", "arn:aws:s3:::somebody-elses/object"),
        Call(
            TASK,
            "dynamodb:Scan",
            f"arn:aws:dynamodb:{aws_calls.REGION}:{aws_calls.ACCOUNT}:table/{STACK}-subscribers",
        ),
    ],
    ids=[
        "roles to machines",
        "the workflows' role",
        "another cluster",
        "another stack's tasks",
        "tags afterwards",
        "another bucket",
        "all subscribers at once",
    ],
)
def test_what_is_not_meant_is_refused(call, made):
    """Roles, clusters, families and buckets that are not this stack's own are out of reach."""
    principal = IDENTITIES[call.identity]
    policies = made[1][principal.rpartition("/")[2]]
    assert iam_judge.judge(principal, {"whole": policies}, [call]) == {"whole": [False]}

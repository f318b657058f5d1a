"""ECS on loopback: moto keeps the books, and each task truly runs its container's command.

`Agent` does what ECS does with a task that moto has taken: it fetches the secrets of the container
from Secrets Manager, starts the command with the container's environment and credentials, writes
its output to CloudWatch, tells task states to the queue that Prefect's worker reads, and stops the
task when the command ends. A process stands for the container; `start` may start another thing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

import dynamodb_standin
from flows.delivery.ledger_dynamodb_tables import definitions, subscribers_definition
from waiting import free_port, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).resolve().parent.parent
NAME = "gridletter-rig"
QUEUE = "prefect-ecs-tasks-events"
EXECUTION = "execution"
REGION = dynamodb_standin.CREDENTIALS["AWS_REGION"]
_LOOK_SECONDS = 0.1


@contextmanager
def aws(recording: Path | None = None) -> Iterator[dict[str, str]]:
    """Serve AWS while the context lasts; yield the environment that leads its clients there.

    The queue's readers wait for long, so others must be served meanwhile; DynamoDB, whose stand-in
    serves one at a time, is another process.

    Args:
        recording: Where moto writes each request down; `aws_calls` reads it.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    recorder = {}
    if recording is not None:
        recorder = {"MOTO_ENABLE_RECORDING": "1", "MOTO_RECORDER_FILEPATH": str(recording)}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in recorder.items():
            environment.setenv(name, value)
        with (
            dynamodb_standin.serving() as dynamodb,
            subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as server,
        ):
            told = {
                **dynamodb_standin.CREDENTIALS,
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                dynamodb_standin.ENDPOINT: dynamodb,
            }
            for name, value in told.items():
                environment.setenv(name, value)
            try:
                until(lambda: server.poll() is not None or _listens(port), 60, "moto")
                yield told
            finally:
                server.terminate()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def stack(secrets: Mapping[str, str]) -> dict[str, Any]:
    """Make what the stack of `infra/` has, on the endpoint that is set; return its outputs.

    Args:
        secrets: Values of the container's secrets by the names of its variables.
    """
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/20")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.42.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName=NAME, Description=NAME, VpcId=vpc)["GroupId"]
    boto3.client("sqs").create_queue(QueueName=QUEUE)
    boto3.client("logs").create_log_group(logGroupName=f"/{NAME}")
    for bucket in ("archive", "claims"):
        boto3.client("s3").create_bucket(
            Bucket=f"{NAME}-{bucket}",
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
    for table in (*definitions(NAME), subscribers_definition(NAME)):
        boto3.client("dynamodb").create_table(**table)
    vault = boto3.client("secretsmanager")
    return {
        "region": REGION,
        "cluster_arn": boto3.client("ecs").create_cluster(clusterName=NAME)["cluster"][
            "clusterArn"
        ],
        "subnet_ids": [subnet],
        "security_group_id": group,
        "execution_role_arn": f"arn:aws:iam::123456789012:role/{NAME}-execution",
        "task_role_arn": f"arn:aws:iam::123456789012:role/{NAME}-task",
        "log_group": f"/{NAME}",
        "archive": f"s3://{NAME}-archive",
        "claims": f"s3://{NAME}-claims",
        "ledger": f"dynamodb://{NAME}",
        "secret_arns": {
            name: vault.create_secret(Name=f"{NAME}/{name}", SecretString=value)["ARN"]
            for name, value in secrets.items()
        },
    }


def stack_of_program(settings: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make the stack of `infra/` by the program itself, on the endpoint that is set.

    Args:
        settings: The stack's, by their full names.

    Returns:
        Its outputs, and the policies of each identity by the identity's name.
    """
    python = ROOT / "infra" / ".venv" / "bin" / "python"
    if not python.exists():
        said = "the environment of infra/ is missing: make infra"
        if "CI" in os.environ:
            pytest.fail(said)
        pytest.skip(said)
    made = subprocess.run(
        [python, ROOT / "tests" / "infra" / "program.py"],
        input=json.dumps(settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    # A self-hosted worker's, which Prefect Cloud's push pool does without.
    boto3.client("sqs").create_queue(QueueName=QUEUE)
    told = json.loads(made.stdout)
    outputs: dict[str, Any] = told["outputs"]
    for bucket in ("archive", "claims"):
        # They refuse whoever comes without TLS, which loopback has not.
        boto3.client("s3").delete_bucket_policy(Bucket=outputs[bucket].removeprefix("s3://"))
    return outputs, told["policies"]


@contextmanager
def worker(api: str, folder: Path, **environment: str) -> Iterator[None]:
    """Run Prefect's worker of the pool `tasks` while the context lasts; its log is in `folder`."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    told |= {"PREFECT_API_URL": api, "PREFECT_HOME": str(folder)}
    told |= {"PREFECT_WORKER_QUERY_SECONDS": "1"} | environment
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "tasks"]
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen(
            [*command, "--type", "ecs"], env=told, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@dataclass(frozen=True)
class Task:
    """A task as ECS starts it: its only container, with all that its command is told."""

    arn: str
    container: str
    command: list[str]
    environment: Mapping[str, str]
    seen: Mapping[str, Any] = field(repr=False)
    definition: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]


class Agent:
    """ECS's own part, in a thread, as a context manager; `tasks` are those that it started.

    Args:
        folder: Where the tasks' output goes.
        base: The environment of the image and of the task role, for every container.
        start: Starts the container of a task, with its output to the file.
        cluster: Whose tasks.
    """

    def __init__(
        self,
        folder: Path,
        base: Mapping[str, str],
        start: Callable[[Task, Path], subprocess.Popen[bytes]] | None = None,
        cluster: str = NAME,
    ) -> None:
        self.tasks: list[Task] = []
        self._cluster = cluster
        self._folder = folder
        self._base = base
        self._start = start or start_process
        self._ecs, self._sqs = boto3.client("ecs"), boto3.client("sqs")
        # What ECS does for a task under the task's execution role.
        role = {"aws_access_key_id": EXECUTION, "aws_secret_access_key": EXECUTION}
        self._logs = boto3.client("logs", **role)
        self._vault = boto3.client("secretsmanager", **role)
        self._queue = self._sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        self._running: dict[str, tuple[Task, subprocess.Popen[bytes]]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        for _, process in self._running.values():
            process.kill()
            process.wait()

    def output(self, task: Task) -> str:
        """Return what the task has written so far."""
        return self._file(task).read_text("utf-8", "replace")

    def kill(self, task: Task) -> None:
        """Kill the task's container, as a lost host does."""
        self._running[task.arn][1].kill()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
                time.sleep(_LOOK_SECONDS)
        except BaseException as error:
            self.error = error
            raise

    def _turn(self) -> None:
        known = {task.arn for task in self.tasks}
        for arn in self._ecs.list_tasks(cluster=self._cluster)["taskArns"]:
            if arn not in known:
                task = self._task(arn)
                self._running[arn] = task, self._start(task, self._file(task))
                self.tasks.append(task)
                self._tell(task, "RUNNING")
        for task, process in list(self._running.values()):
            code = process.poll()
            if code is not None:
                del self._running[task.arn]
                self._write_log(task)
                self._ecs.stop_task(cluster=self._cluster, task=task.arn, reason="it ended")
                self._tell(task, "STOPPED", code)

    def _task(self, arn: str) -> Task:
        which = {"cluster": self._cluster, "tasks": [arn]}
        [seen] = self._ecs.describe_tasks(**which, include=["TAGS"])["tasks"]
        told = self._ecs.describe_task_definition(taskDefinition=seen["taskDefinitionArn"])
        definition = told["taskDefinition"]
        [container] = definition["containerDefinitions"]
        overrides = [
            each
            for each in seen["overrides"].get("containerOverrides", [])
            if each.get("name") == container["name"]
        ]
        variables = dict(self._base)
        for each in (container, *overrides):
            variables |= {pair["name"]: pair["value"] for pair in each.get("environment", [])}
        for secret in container.get("secrets", []):
            found = self._vault.get_secret_value(SecretId=secret["valueFrom"])
            variables[secret["name"]] = found["SecretString"]
        commands = [each["command"] for each in (container, *overrides) if each.get("command")]
        return Task(arn, container["name"], commands[-1], variables, seen, definition)

    def _tell(self, task: Task, status: str, code: int | None = None) -> None:
        """Put a state change on the queue, as EventBridge does."""
        container = {"name": task.container, "lastStatus": status}
        detail = {
            "taskArn": task.arn,
            "clusterArn": task.seen["clusterArn"],
            "taskDefinitionArn": task.seen["taskDefinitionArn"],
            "launchType": "FARGATE",
            "lastStatus": status,
            "desiredStatus": status,
            "containers": [container | ({} if code is None else {"exitCode": code})],
        }
        if code is not None:
            detail["stopCode"] = "EssentialContainerExited"
            detail["stoppedReason"] = "Essential container in task exited"
        event = {
            "id": str(uuid4()),
            "detail-type": "ECS Task State Change",
            "source": "aws.ecs",
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "detail": detail,
        }
        self._sqs.send_message(QueueUrl=self._queue, MessageBody=json.dumps(event))

    def _write_log(self, task: Task) -> None:
        options = task.definition["containerDefinitions"][0]["logConfiguration"]["options"]
        stream = f"{options['awslogs-stream-prefix']}/{task.container}/{task.id}"
        group = options["awslogs-group"]
        self._logs.create_log_stream(logGroupName=group, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [
            {"timestamp": now, "message": line} for line in self.output(task).split("\n") if line
        ]
        if events:
            self._logs.put_log_events(
                logGroupName=group, logStreamName=stream, logEvents=events[-500:]
            )

    def _file(self, task: Task) -> Path:
        return self._folder / f"{task.id}.log"


def start_process(task: Task, output: Path) -> subprocess.Popen[bytes]:
    """Start the container's command as a process, in a folder of its own."""
    home = output.with_suffix("")
    home.mkdir()
    # The image's interpreter is ours.
    command = [sys.executable if part == "python" else part for part in task.command]
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    with output.open("wb") as file:
        return subprocess.Popen(
            command,
            env={"PATH": path, "HOME": str(home), **task.environment},
            cwd=home,
            stdout=file,
            stderr=subprocess.STDOUT,
        )

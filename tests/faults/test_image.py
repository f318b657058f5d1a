"""The flow's image, really built without a Docker engine, and run by ECS's stand-in by podman."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

import ecs_rig
from deploying import run
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from smtp_sink import Sink

pytest_plugins = ("prefect_server",)
pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[2]
TAG = "localhost/gridletter:test"
NEEDED = ("buildah", "mmdebstrap", "podman", "runc")
# Where containers are nested, crun fails, and so does runc without these limits.
PODMAN = ("podman", "--runtime", "runc", "run", "--rm", "--network", "host")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
UNCOMPILED = """
find /opt/gridletter/lib /opt/app/flows -name '*.py' -not -path '*/__pycache__/*' |
while read -r file; do
  name=${file##*/}
  test -e "${file%/*}/__pycache__/${name%.py}.cpython-311.pyc" || echo "$file"
done
"""
IMPORT = "import time, flows.publish; print(round(time.process_time(), 2))"


@pytest.fixture(scope="module")
def image():
    """Build the image; give its name."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        said = f"it takes root and Debian's {', '.join(NEEDED)}; missing: {', '.join(missing)}"
        if "CI" in os.environ:
            pytest.fail(said)
        pytest.skip(said)
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "build_image.py", "--tag", TAG],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    yield TAG
    subprocess.run(["buildah", "rmi", TAG], check=True, stdout=subprocess.DEVNULL)


def inside(image, *command, environment=()):
    """Run a command in a container of the image; return what it printed."""
    given = [f"--env={each}" for each in environment]
    return subprocess.run(
        [*PODMAN, *LIMITS, *given, image, *command], check=True, capture_output=True, text=True
    ).stdout


def start_container(task, output):
    """Start the task's container, of the image that its definition names."""
    [container] = task.definition["containerDefinitions"]
    # Taken over by their names, for a file of podman's can't have values of several lines.
    given = [f"--env={name}" for name in task.environment]
    with output.open("wb") as log:
        return subprocess.Popen(
            [*PODMAN, *LIMITS, *given, container["image"], *task.command],
            env={**os.environ, **task.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def test_the_image_has_what_a_run_needs_and_no_more(image, figures):
    """No compiler, pip, infra or laboratory is inside, and no certificates but Debian's own."""
    figures["MB of the image"] = round(sized(image) / 1e6)
    unwanted = ("gcc", "git", "jupyter-lab", "pulumi", "uv")
    found = inside(image, "sh", "-c", f"command -v {' '.join(unwanted)} || true")
    assert found == ""
    packages = inside(image, "ls", "/opt/gridletter/lib/python3.11/site-packages").split()
    assert "prefect" in packages
    assert not {"pulumi", "pulumi_aws", "jupyterlab", "pytest", "pip", "moto"} & {*packages}
    assert inside(image, "ls", "/opt/app").split() == [
        *("LICENSE", "flows", "notebooks", "pyproject.toml", "requirements.lock")
    ]
    told = inside(image, "env")
    assert "PIP_" not in told
    assert "SSL_CERT" not in told


def test_it_runs_without_rights(image):
    """Its user is nobody's, and can write its home alone."""
    assert inside(image, "id", "-u").strip() == "10001"
    tried = "touch /opt/app/x /opt/gridletter/x /etc/x; touch ~/mine && echo home"
    assert inside(image, "sh", "-c", f"{{ {tried}; }} 2>/dev/null").strip() == "home"


def test_everything_is_compiled(image, figures):
    """No module is compiled at start; the figures say what an import takes with and without."""
    assert inside(image, "sh", "-c", UNCOMPILED) == ""
    compiled = inside(image, "python", "-c", IMPORT)
    figures["processor seconds to import the flow"] = float(compiled)
    elsewhere = ("PYTHONPYCACHEPREFIX=/nowhere",)
    anew = inside(image, "python", "-c", IMPORT, environment=elsewhere)
    figures["processor seconds if it were not compiled"] = float(anew)


def sized(image):
    """Return the bytes of the image."""
    told = subprocess.run(
        ["podman", "image", "inspect", image], check=True, capture_output=True, text=True
    )
    return json.loads(told.stdout)[0]["Size"]


def test_an_event_becomes_mail_page_and_ledger_in_a_container(image, api, tmp_path, figures):
    """Event, server, worker, RunTask, a container without rights: completed, and all is there."""
    with Sink() as sink, ecs_rig.aws() as aws:
        secrets = {"GRIDLETTER_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?security=none"}
        outputs = ecs_rig.stack(secrets) | {"archive_url": "https://news.example/"}
        (tmp_path / "outputs.json").write_text(json.dumps(outputs))
        open_directory(outputs["ledger"]).add([Subscriber("Ada", "ada@mail.example")])
        run(
            *("deploy", "--pool", "tasks", "--type", "ecs", "--image", image),
            *("--stack-outputs", str(tmp_path / "outputs.json")),
        )
        agent = ecs_rig.Agent(tmp_path, aws, start_container)
        with ecs_rig.worker(api, tmp_path), agent:
            began = time.monotonic()
            sample = ROOT / "notebooks" / "samples" / "load_DE_LU_forecast.xml"
            said = json.loads(run("emit", str(sample), "--wait", "240", "--json"))
            figures["seconds from the event to the end"] = round(time.monotonic() - began, 1)
            [task] = agent.tasks
            assert said["state"] == "Completed", agent.output(task)
        [mail] = sink.mails
        assert mail.recipients == ("ada@mail.example",)
        listed = boto3.client("s3").list_objects_v2(Bucket=f"{ecs_rig.NAME}-archive")["Contents"]
        assert "index.html" in {each["Key"] for each in listed}
        rows = boto3.client("dynamodb").scan(TableName=f"{ecs_rig.NAME}-deliveries")["Items"]
        assert [row["state"]["S"] for row in rows] == ["accepted"]

"""What the workflows' scripts do, with stand-ins for AWS', Docker's and Pulumi's commands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from workflow_standins import SCRIPTS, StandIns, stand_ins

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "smtp://letters:hunter2@mail.example:587"  # noqa: S105 — of nobody
WEBHOOK = "https://api.prefect.cloud/hooks/nobody-may-know"
REPOSITORY_URL = "registry.example/gridletter-dev/flows"
WORKSPACE = "https://api.prefect.cloud/api/accounts/aa-1/workspaces/ww-2"
SHA = "5ca1ab1e" * 5
CHANGES = "\n".join(
    json.dumps({"kind": kind, "name": name, "action": "created", "note": note})
    for kind, name, note in (
        ("work pool", "gridletter-dev", None),
        ("webhook", "gridletter-entsoe", f"{WEBHOOK}-1"),
        ("webhook", "gridletter-unsubscribe", WEBHOOK),
    )
)


@pytest.fixture
def world(tmp_path: Path) -> StandIns:
    """Stand-ins that answer as on a first run."""
    world = stand_ins(tmp_path)
    world.answer("aws s3api list-objects-v2", "false")
    world.answer("stack output repository_url", REPOSITORY_URL)
    world.answer("stack output archive_url", "https://d1.cloudfront.example/")
    world.answer("stack output --json", "{}")
    world.answer("imagetools inspect python", '"sha256:feed"\n')
    world.answer(f"imagetools inspect {REPOSITORY_URL}", code=1)
    world.answer("gridletter deploy", CHANGES)
    world.answer("gridletter emit", json.dumps({"flow_run": "run-3", "state": "Completed"}))
    return world


def starts(world: StandIns, *beginnings: str) -> list[str]:
    """Return the lines that begin so, in order."""
    return [line for line in world.lines if line.startswith(beginnings)]


def test_scripts_stop_at_the_first_error():
    """Each script is bash that ends at an error, at an unset variable and at a broken pipe."""
    for script in SCRIPTS.iterdir():
        head = script.read_text("utf-8").splitlines()
        assert head[0] == "#!/usr/bin/env bash"
        assert "set -euo pipefail" in head
        assert script.stat().st_mode & 0o111


def test_a_first_run_makes_the_stack_and_keeps_its_settings(world: StandIns):
    """A stack that is not there is made with the account's key; its settings are kept at once."""
    done = world.run("open-stack", MAY_CREATE="true")
    assert done.returncode == 0, done.stderr
    made, region, kept = starts(world, "pulumi stack", "pulumi config", "aws s3 cp")
    assert made.endswith(
        "--secrets-provider awskms://alias/gridletter-dev-state?region=eu-central-1 dev"
    )
    assert region == "pulumi config set aws:region eu-central-1"
    assert kept.endswith("Pulumi.dev.yaml s3://gridletter-dev-state-123456789012/Pulumi.dev.yaml")


def test_a_preview_makes_nothing(world: StandIns):
    """A preview of a stack that is not there fails and says so, and makes none."""
    done = world.run("open-stack", MAY_CREATE="false")
    assert done.returncode == 1
    assert "there is no stack dev yet" in done.stdout
    assert not starts(world, "pulumi stack")


def test_a_stack_stays_in_its_region(world: StandIns):
    """A stack is not moved to another region by a slip of the hand: that would remove its data."""
    world.answer("aws s3api list-objects-v2", "true")
    world.answer("pulumi config get aws:region", "eu-north-1\n")
    done = world.run("open-stack", MAY_CREATE="true")
    assert done.returncode == 1
    assert "stands in eu-north-1" in done.stdout


def test_secrets_go_by_stdin(world: StandIns):
    """A secret reaches Pulumi by stdin, never by a command line, and is never printed."""
    done = world.run("provision", GITHUB_REPOSITORY="us/letters", SMTP_URL=SECRET)
    assert done.returncode == 0, done.stderr
    assert SECRET not in " ".join(world.lines) + done.stdout + done.stderr
    (call,) = (call for call in world.calls if "--secret" in call["line"])
    assert (call["line"], call["stdin"]) == ("pulumi config set --secret smtp_url", SECRET)


def test_settings_are_kept_after_a_failed_update(world: StandIns):
    """An update that fails keeps its settings all the same: the next run starts from them."""
    world.answer("pulumi up", code=255)
    done = world.run("provision", GITHUB_REPOSITORY="us/letters")
    assert done.returncode == 255
    assert world.lines[-1].startswith("aws s3 cp")


def test_an_image_is_pinned_to_its_bases_digest(world: StandIns):
    """The image is built on the digest that the base's tag has now, and pushed under the commit."""
    done = world.run("push-image", GITHUB_SHA=SHA)
    assert done.returncode == 0, done.stderr
    (build,) = starts(world, "docker buildx build")
    assert re.search(r"--build-arg BASE=python:[\w.-]+@sha256:feed ", build)
    assert f"--tag {REPOSITORY_URL}:{SHA} " in build
    assert (world.folder / "output").read_text("utf-8") == f"image={REPOSITORY_URL}:{SHA}\n"


def test_a_commit_is_built_once(world: StandIns):
    """A commit whose image the registry has is not pushed again, which it would refuse."""
    world.answer(f"imagetools inspect {REPOSITORY_URL}", "there")
    assert world.run("push-image", GITHUB_SHA=SHA).returncode == 0
    assert not starts(world, "docker buildx build")


def test_flows_and_stack_learn_of_each_other_once(world: StandIns):
    """A first deployment's webhook goes into the stack, whose address goes into the flows: once."""
    image = f"{REPOSITORY_URL}:{SHA}"
    assert world.run("deploy-flows", IMAGE=image).returncode == 0
    steps = [line for line in world.lines if " up " in line or "gridletter deploy" in line]
    assert ["gridletter deploy" in line for line in steps] == [True, False, True]
    assert any(line.endswith(f"config set unsubscribe_webhook {WEBHOOK}") for line in world.lines)

    (world.folder / "calls").unlink()
    world.answer("config get unsubscribe_webhook", WEBHOOK)
    assert world.run("deploy-flows", IMAGE=image).returncode == 0
    assert sum("gridletter deploy" in line for line in world.lines) == 1
    assert not any(" up " in line for line in world.lines)


def test_webhooks_addresses_are_not_printed(world: StandIns):
    """No webhook's address is in the log but where GitHub is told to mask it."""
    done = world.run("deploy-flows", IMAGE="image")
    said = [line for line in done.stdout.splitlines() if not line.startswith("::add-mask::")]
    assert WEBHOOK not in "\n".join(said) + done.stderr
    assert "created webhook gridletter-entsoe" in said


def test_settings_without_a_value_stay_unset(world: StandIns):
    """A variable that GitHub's environment does not have reaches no container as an empty one."""
    done = world.run(
        "gridletter",
        "doctor",
        IMAGE="image",
        GRIDLETTER_SENDER="us@x.example",
        GRIDLETTER_OPERATORS="",
    )
    assert done.returncode == 0, done.stderr
    (line,) = world.lines
    assert line == "docker run --rm --interactive --env GRIDLETTER_SENDER image gridletter doctor"


def test_the_summary_leads_to_the_archive_and_to_the_run(world: StandIns):
    """The summary links the archive and the test event's flow run in Prefect Cloud."""
    done = world.run(
        "summarize", IMAGE=f"{REPOSITORY_URL}:{SHA}", PREFECT_API_URL=WORKSPACE, TEST_EVENT="true"
    )
    assert done.returncode == 0, done.stderr
    assert "[The archive](https://d1.cloudfront.example/)" in world.summary
    run = "https://app.prefect.cloud/account/aa-1/workspace/ww-2/runs/flow-run/run-3"
    assert f"[Completed]({run})" in world.summary


def test_a_failed_test_event_fails_the_deployment(world: StandIns):
    """A test event whose run fails makes the workflow fail, after the summary says so."""
    world.answer("gridletter emit", json.dumps({"flow_run": "run-4", "state": "Failed"}), code=1)
    done = world.run("summarize", IMAGE="i:t", PREFECT_API_URL=WORKSPACE, TEST_EVENT="true")
    assert done.returncode == 1
    assert "[Failed](" in world.summary


@pytest.mark.parametrize(("typed", "code"), [("dev", 0), ("prod", 1), ("", 1), ("dev; true", 1)])
def test_nothing_is_removed_unless_the_name_is_typed(world: StandIns, typed: str, code: int):
    """The job that removes waits for one that compares the stack's name with what was typed."""
    workflow = yaml.safe_load((SCRIPTS.parent / "workflows" / "destroy.yml").read_text("utf-8"))
    jobs = workflow["jobs"]
    assert jobs["destroy"]["needs"] == "confirm"
    (step,) = jobs["confirm"]["steps"]
    assert world.bash("-e", "-c", step["run"], AGAIN=typed).returncode == code


def test_destroying_lets_go_first_and_empties_the_state_last(world: StandIns):
    """Protection goes by an update before anything is removed; the state goes after all else."""
    version = json.dumps({"Objects": [{"Key": "k", "VersionId": "v"}]})
    world.answer("list-object-versions", version)
    world.answer("delete-objects", code=9)  # or it would be asked for versions for ever
    done = world.run("destroy", TRIES="1", WAIT_SECONDS="0")
    assert done.returncode == 9
    order = [
        "pulumi config set let_data_go true",
        "pulumi up --yes --non-interactive",
        "pulumi destroy --yes --non-interactive",
        "pulumi stack rm --yes dev",
    ]
    assert world.lines[:4] == order
    assert f"--delete {version}" in world.lines[-1]


def test_what_is_left_on_aws_is_named(world: StandIns):
    """A resource that AWS still lists fails the workflow and is named in the summary."""
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/gridletter-dev-issues"
    world.answer("list-object-versions", '{"Objects": []}')
    world.answer("get-resources --region eu-central-1", f"{arn}\n")
    done = world.run("destroy", TRIES="2", WAIT_SECONDS="0")
    assert done.returncode == 1
    assert f"AWS still lists {arn}" in world.summary


def test_removal_is_not_believed_without_an_answer(world: StandIns):
    """When AWS does not say what is left, the workflow fails instead of calling it nothing."""
    world.answer("get-resources", code=254)
    done = world.run("destroy", TRIES="1", WAIT_SECONDS="0")
    assert done.returncode != 0
    assert not (world.folder / "summary").exists()

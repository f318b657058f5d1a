"""Job variables, the container's environment and what is expected, before any Prefect API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prefect_aws.workers import ECSWorker

from flows import settings
from flows.deploy import outputs
from flows.deploy.environment import environment
from flows.deploy.expected import parse
from flows.deploy.outputs import StackOutputs
from flows.deploy.plan import differences
from flows.deploy.template import base_job_template
from flows.deploy.variables import check, job_variables
from flows.deploy.wanted import PoolType, Wanted
from flows.errors import SettingsError

STACK = StackOutputs(
    region="eu-central-1",
    cluster_arn="arn:aws:ecs:eu-central-1:123456789012:cluster/gridletter-prod",
    subnet_ids=["subnet-1"],
    security_group_id="sg-1",
    execution_role_arn="arn:aws:iam::123456789012:role/execution",
    task_role_arn="arn:aws:iam::123456789012:role/task",
    archive="s3://archive",
    ledger="dynamodb://ledger",
    secret_arns={"GRIDLETTER_SMTP_URL": "arn:smtp"},
)


def test_the_ecs_template_is_the_workers_own_but_for_what_it_cannot_say():
    """Variables are prefect-aws' own; the job gains secrets, limits and the network, no more."""
    own = ECSWorker.get_default_base_job_template()
    ours = base_job_template(PoolType.ECS, {"B": "arn:b", "A": "arn:a"})
    assert ours["variables"] == own["variables"]
    assert differences(own, ours) == [
        "job_configuration.network_configuration",
        "job_configuration.task_definition.containerDefinitions",
        "job_configuration.task_run_request.networkConfiguration",
    ]
    [container] = ours["job_configuration"]["task_definition"]["containerDefinitions"]
    assert [secret["name"] for secret in container["secrets"]] == ["A", "B"]


def test_a_stack_without_all_that_ecs_needs_is_told_each_gap():
    """Every missing output is named at once, by the variable that it would have filled."""
    wanted = Wanted("p", PoolType.ECS, outputs=StackOutputs(cluster_arn="arn:c/x"))
    with pytest.raises(SettingsError) as raised:
        check(job_variables(wanted, {}), base_job_template(PoolType.ECS, {}), PoolType.ECS)
    said = str(raised.value)
    for name in ("image", "execution_role_arn", "task_role_arn", "network_configuration"):
        assert f"{name} is missing" in said
    assert "cluster is missing" not in said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("memory", "plenty", "memory: 'plenty' is not of type 'integer'"),
        ("launch_type", "LAMBDA", "launch_type: 'LAMBDA' is not one of"),
        ("network_configuration", {"subnets": []}, "network_configuration.subnets"),
        ("env", {"A": 1}, "env.A: 1 is not of type"),
        ("mem", 1, "'mem' was unexpected"),
    ],
)
def test_a_wrong_job_variable_is_named(variable, value, said):
    """A variable that the template does not know or would not take is named with what is wrong."""
    wanted = Wanted("p", PoolType.ECS, image="i", outputs=STACK, job_variables={variable: value})
    with pytest.raises(SettingsError, match="Nothing was created") as raised:
        check(job_variables(wanted, {}), base_job_template(PoolType.ECS, {}), PoolType.ECS)
    assert said in str(raised.value)


def test_a_container_is_told_settings_but_neither_secrets_nor_folders(monkeypatch):
    """Settings go by name, the stack's addresses come last, a secret only by reference."""
    told = {
        "ARCHIVE": "archive-here",
        "LEDGER": "sqlite:////var/ledger.db",
        "SENDER": "News <news@mail.example>",
        "SMTP_URL": "smtp://user:hidden@mail.example",
        "UNSUBSCRIBE_KEYS": "hidden" * 8,
        "ENTSOE_API_KEY": "hidden",
        "WEBHOOK_KEYS": "hidden" * 8,
    }
    for name, value in told.items():
        monkeypatch.setenv(f"GRIDLETTER_{name}", value)
    options = settings.load()
    on_ecs = environment(Wanted("p", PoolType.ECS, outputs=STACK), options)
    assert on_ecs == {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "GRIDLETTER_ARCHIVE": "s3://archive",
        "GRIDLETTER_LEDGER": "dynamodb://ledger",
        "GRIDLETTER_SENDER": "News <news@mail.example>",
        "GRIDLETTER_UNSUBSCRIBE_KEYS": "{{ prefect.blocks.secret.gridletter-unsubscribe-keys }}",
    }
    in_docker = environment(Wanted("p", PoolType.DOCKER), options)
    assert in_docker == {
        "GRIDLETTER_EMAIL_BLOCK": "gridletter",
        "GRIDLETTER_SENDER": "News <news@mail.example>",
        "GRIDLETTER_UNSUBSCRIBE_KEYS": "{{ prefect.blocks.secret.gridletter-unsubscribe-keys }}",
    }
    assert environment(Wanted("p", PoolType.PROCESS), options) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is no JSON"), ('{"subnet_ids": "s"}', "subnet_ids"), ("[]", "they")],
)
def test_outputs_that_are_none_are_refused(tmp_path, text, said):
    """A file that is no stack's outputs is refused with the place, and no value is quoted."""
    file = tmp_path / "outputs.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        outputs.read(str(file))


def test_what_is_expected_is_a_type_maybe_a_zone_and_a_local_time():
    """Without a zone the clock is the market's; a zone, by name or EIC, has its own."""
    anywhere = parse("A69=18:00")
    assert (anywhere.document_type, anywhere.zone, anywhere.tz) == ("A69", None, "Europe/Brussels")
    assert anywhere.cron == "2 18 * * *"
    lisbon = parse("A44@10YPT-REN------W=23:59")
    assert str(lisbon) == "A44@PT=23:59"
    assert lisbon == parse("A44@PT=23:59")
    assert (lisbon.tz, lisbon.cron) == ("Europe/Lisbon", "1 0 * * *")


@pytest.mark.parametrize(
    "wrong", ["A69", "A69=25h", "A69=24:00", "A69=6:00", "wind=18:00", "A69@=18:00", "A69@XX=18:00"]
)
def test_what_can_not_be_expected_is_refused(wrong):
    """No type, no time or no bidding zone is named, with what would be right."""
    with pytest.raises(SettingsError, match=r"TYPE=HH:MM|no bidding zone"):
        parse(wrong)


@pytest.mark.parametrize(
    ("text", "looked", "day", "hours"),
    [
        ("A69=18:00", "2026-07-01T16:02:00+00:00", "2026-07-01", 24),
        ("A69@PT=00:30", "2026-06-30T23:32:00+00:00", "2026-07-01", 24),
        ("A69=23:59", "2026-07-01T22:01:00+00:00", "2026-07-01", 24),
        ("A69=18:00", "2026-03-29T16:02:00+00:00", "2026-03-29", 23),
        ("A69=18:00", "2026-10-25T17:02:00+00:00", "2026-10-25", 25),
    ],
    ids=["summer", "west", "over midnight", "spring", "autumn"],
)
def test_a_look_is_about_one_local_day(text, looked, day, hours):
    """Whenever it looks, it asks for the local day whose time has passed, of 23 to 25 hours."""
    expected = parse(text)
    about = expected.day(datetime.fromisoformat(looked))
    begins, ends = expected.window(about)
    assert str(about) == day
    assert ends.astimezone(UTC) - begins.astimezone(UTC) == timedelta(hours=hours)
    assert begins <= datetime.fromisoformat(looked) - timedelta(minutes=2) < ends


def test_differences_name_the_paths():
    """Two JSON values differ at paths: changed, added and gone."""
    assert differences({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2, "c": [1]}, "e": 1}) == [
        "a.b",
        "d",
        "e",
    ]
    assert differences({"a": timedelta(1).days}, {"a": 1}) == []

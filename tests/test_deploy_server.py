"""Deploying to a real Prefect server, and to a stand-in for Prefect Cloud before that."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

import prefect_cloud_standin
import unsubscribe_front as front
from deploying import actions, run, runs_of
from flows import settings
from flows.delivery.ledger import open_ledger
from flows.delivery.unsubscribe import Links
from smtp_sink import Sink
from waiting import until

pytest_plugins = ("prefect_server",)
SAMPLE = Path(__file__).parent.parent / "notebooks" / "samples" / "load_DE_LU_forecast.xml"
OUTPUTS = {
    "region": "eu-central-1",
    "cluster_arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/gridletter-prod",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_id": "sg-1",
    "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
    "task_role_arn": "arn:aws:iam::123456789012:role/task",
    "log_group": "/gridletter/prod",
    "archive": "s3://gridletter-archive",
    "archive_url": "https://news.example/",
    "claims": "s3://gridletter-claims",
    "ledger": "dynamodb://gridletter-prod",
    "secret_arns": {"GRIDLETTER_SMTP_URL": "arn:aws:secretsmanager:eu-central-1:1:secret:smtp"},
    "push_access_key_id": "AKIATESTING",
    "push_secret_access_key": "very-secret-key",
}


@pytest.fixture(scope="module")
def cloud(api):
    """Have a stand-in for Prefect Cloud; what is deployed there is on the same server."""
    with prefect_cloud_standin.serving(api) as standin:
        yield standin


@pytest.fixture
def outputs(tmp_path):
    """Write a stack's outputs to a file; give a function that leaves some out."""

    def write(*without, **instead):
        told = {name: value for name, value in OUTPUTS.items() if name not in without} | instead
        path = tmp_path / "outputs.json"
        path.write_text(json.dumps(told))
        return str(path)

    return write


def deploy_to_push(stack):
    """Deploy to the push pool with the outputs of a stack; return what was printed."""
    pool, image = ("--pool", "push", "--type", "ecs:push"), ("--image", "registry/flow:1")
    return run("deploy", *pool, *image, "--stack-outputs", stack)


def test_a_dry_run_touches_nothing_and_a_second_deployment_changes_nothing(api):
    """A dry run names all and creates none of it; deploying a second time changes nothing."""
    asked = ("deploy", "--pool", "local", "--type", "process", "--expect", "A65=18:00", "--json")
    planned = actions(run(*asked, "--dry-run"))
    assert set(planned.values()) == {"created"}
    assert httpx.get(f"{api}/work_pools/local").status_code == 404
    assert actions(run(*asked)) == planned
    assert set(actions(run(*asked)).values()) == {"unchanged"}
    assert "nothing to change" in run(*asked[:-1])


def test_what_differs_is_updated_and_named(api):
    """A changed wish updates what it concerns, and only that; what others set stays."""
    pool = httpx.get(f"{api}/work_pools/local").json()
    httpx.patch(f"{api}/work_pools/local", json={"is_paused": True})
    asked = ("deploy", "--pool", "local", "--type", "process", "--expect", "A44@PT=14:00")
    printed = run(*asked, "--pending", "7m")
    assert "updated    automation gridletter: a run is stuck: actions, trigger.within" in printed
    assert "created    schedule expect/A44@PT=14:00" in printed
    assert "removed    schedule expect/A65=18:00" in printed
    assert "3 of" in printed
    assert httpx.get(f"{api}/work_pools/local").json()["is_paused"] is True
    httpx.patch(f"{api}/work_pools/local", json={"is_paused": False})
    assert pool["type"] == "process"


def test_what_is_expected_is_looked_for_each_day_at_its_time(api):
    """The schedule is in the zone's own time; one that is off stays off, others' stay there."""
    from prefect.server.schemas.schedules import CronSchedule

    deployment = httpx.get(f"{api}/deployments/name/expect/gridletter").json()
    [schedule] = deployment["schedules"]
    assert (
        schedule["schedule"] | {"cron": "2 14 * * *", "timezone": "Europe/Lisbon"}
        == (schedule["schedule"])
    )
    assert schedule["parameters"] == {"expected": "A44@PT=14:00"}
    [due] = asyncio.run(CronSchedule(**schedule["schedule"]).get_dates(1))
    assert f"{due.astimezone(ZoneInfo('Europe/Lisbon')):%H:%M}" == "14:02"

    schedules = f"{api}/deployments/{deployment['id']}/schedules"
    other = {"schedule": {"cron": "0 0 1 1 *"}, "parameters": {"expected": "A65=10:00"}}
    httpx.post(schedules, json=[other]).raise_for_status()
    httpx.patch(f"{schedules}/{schedule['id']}", json={"active": False}).raise_for_status()
    asked = ("deploy", "--pool", "local", "--type", "process", "--pending", "7m")
    assert "nothing to change" in run(*asked, "--expect", "A44@PT=14:00")
    assert [each["active"] for each in httpx.get(schedules).json()].count(False) == 1
    assert actions(run(*asked, "--json"))["schedule expect/A44@PT=14:00"] == "removed"
    assert len(httpx.get(schedules).json()) == 1


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (["--type", "docker"], "image is missing"),
        (["--type", "docker", "--image", "x", "--job-variable", "volumes=3"], "volumes: 3"),
        (["--type", "docker", "--image", "x", "--job-variable", "volume=[]"], "'volume'"),
        (["--type", "ecs", "--image", "x"], "cluster is missing (give the output cluster_arn)"),
        (["--type", "ecs", "--image", "x", "--job-variable", "cpu=much"], "cpu: 'much'"),
        (["--type", "ecs:push", "--image", "x"], "a service of Prefect Cloud alone"),
    ],
)
def test_what_is_missing_or_wrong_is_named_before_anything_is_created(api, asked, named):
    """A job variable that lacks, is malformed or unknown is named, and no pool is made."""
    assert named in run("deploy", "--pool", "refused", *asked, code=1)
    assert httpx.get(f"{api}/work_pools/refused").status_code == 404


def test_a_pool_of_another_type_is_not_taken_over(api):
    """A pool's type can't change: that is said, and its deployments stay where they are."""
    said = run("deploy", "--pool", "local", "--type", "docker", "--image", "x", code=1)
    assert "of type process, not docker" in said


def test_a_push_pool_gets_its_identity_its_secrets_by_reference_and_webhooks(
    cloud, api, outputs, monkeypatch
):
    """On Cloud: pool, blocks and webhooks; no secret in plain text; a second time nothing."""
    monkeypatch.setenv("GRIDLETTER_ENTSOE_API_KEY", "very-secret-token")
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_KEYS", "very-secret-" + "k" * 40)
    monkeypatch.setenv("GRIDLETTER_SENDER", "News <news@mail.example>")
    asked = ("deploy", "--pool", "push", "--type", "ecs:push", "--image", "registry/flow:1")
    told = ("--stack-outputs", outputs())
    masked = outputs(push_secret_access_key="[secret]")  # noqa: S106 — as Pulumi masks it
    assert "--show-secrets" in run(*asked, "--stack-outputs", masked, code=1)
    assert httpx.get(f"{api}/work_pools/push").status_code == 404
    outputs()

    first = run(*asked, *told)
    assert f"{cloud.origin}/hooks/{cloud.webhooks[0]['slug']}" in first
    deployment = httpx.get(f"{api}/deployments/name/publish/gridletter").json()
    pool = httpx.get(f"{api}/work_pools/push").json()
    variables = deployment["job_variables"]
    assert variables["env"]["GRIDLETTER_ARCHIVE"] == "s3://gridletter-archive"
    assert variables["env"]["GRIDLETTER_SENDER"] == "News <news@mail.example>"
    assert variables["network_configuration"]["subnets"] == ["subnet-1", "subnet-2"]
    container = pool["base_job_template"]["job_configuration"]["task_definition"][
        "containerDefinitions"
    ][0]
    assert container["secrets"] == [
        {"name": "GRIDLETTER_SMTP_URL", "valueFrom": OUTPUTS["secret_arns"]["GRIDLETTER_SMTP_URL"]}
    ]
    credentials = pool["base_job_template"]["variables"]["properties"]["aws_credentials"]
    assert credentials["default"]["$ref"]["block_document_id"]
    assert "very-secret" not in json.dumps([deployment, pool, cloud.webhooks]) + first

    second = run(*asked, *told)
    assert "nothing to change" in second
    assert f"{cloud.origin}/hooks/{cloud.webhooks[1]['slug']}" in second


def test_a_block_that_stands_is_not_overwritten(api, cloud, outputs, monkeypatch):
    """A key that an operator entered in Prefect stays, whatever the settings say."""
    from prefect.blocks.system import Secret

    Secret(value="entered by hand").save("entsoe-api-key", overwrite=True)
    monkeypatch.setenv("GRIDLETTER_ENTSOE_API_KEY", "another")
    deploy_to_push(outputs())
    assert Secret.load("entsoe-api-key").get() == "entered by hand"


def test_a_hand_edited_webhook_is_set_right(cloud, api, outputs):
    """A template that was changed in Prefect Cloud is put back, under the same address."""
    slug = cloud.webhooks[1]["slug"]
    cloud.webhooks[1]["template"] = "{}"
    printed = deploy_to_push(outputs())
    assert "updated    webhook gridletter-unsubscribe: template" in printed
    assert cloud.webhooks[1]["slug"] == slug
    assert "gridletter.unsubscribe" in cloud.webhooks[1]["template"]


def test_a_push_to_the_webhook_starts_a_run_with_the_message_as_it_was(cloud, api):
    """Quotes, line breaks, braces and markup come through both templates unchanged."""
    body = '<?xml version="1.0"?>\n<a b="{{ event.id }}">{% raw %} \\n é & \'</a>'
    hook = f"{cloud.origin}/hooks/{cloud.webhooks[0]['slug']}"
    headers = {"content-type": "application/soap+xml"}
    assert httpx.post(hook, content=body.encode(), headers=headers).status_code == 204
    [started] = until(lambda: runs_of(api, "publish"), 20, "the flow run")
    assert started["parameters"] == {"event_msg": body}


def test_a_click_ends_the_mails_with_a_webhook_and_no_server(cloud, api, tmp_path, monkeypatch):
    """POST to the front: webhook, event, automation, flow run, suppressed; GET starts nothing."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.flows import load_flow_from_entrypoint
    from prefect.settings import PREFECT_API_URL, temporary_settings

    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    told = {
        "GRIDLETTER_LEDGER": ledger,
        "GRIDLETTER_UNSUBSCRIBE_KEYS": "k" * 40,
        "GRIDLETTER_UNSUBSCRIBE_URL": "https://news.example/unsubscribe/",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    options = settings.load()
    link = Links(options.unsubscribe_key_list, str(options.unsubscribe_url))
    uri = link.url("load", "ada@mail.example").removeprefix("https://news.example")
    hook = f"/hooks/{cloud.webhooks[1]['slug']}"

    def request(method):
        """Do what CloudFront does: ask the function, and the webhook where that says so."""
        answer = front.run(front.request(method, uri), webhook=hook)
        if "statusCode" in answer:
            return answer["statusCode"]
        headers = {name: each["value"] for name, each in answer["headers"].items()}
        form = {"List-Unsubscribe": "One-Click"}
        url = f"{cloud.origin}{answer['uri']}"
        return httpx.request(method, url, data=form, headers=headers).status_code

    assert request("GET") == 200
    assert httpx.get(f"{cloud.origin}{hook}", headers={"gridletter-token": "x"}).status_code == 204
    assert request("POST") == 204
    [started] = until(lambda: runs_of(api, "unsubscribe"), 20, "the flow run")
    with temporary_settings(updates={PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        deployment = client.read_deployment(UUID(started["deployment_id"]))
        flow = load_flow_from_entrypoint(str(deployment.entrypoint))
        run_flow(flow, flow_run=client.read_flow_run(UUID(started["id"])))
    assert open_ledger(ledger).suppressed("ada@mail.example") is not None
    assert len(runs_of(api, "unsubscribe")) == 1


def test_emit_sends_what_the_webhook_would_and_shows_the_run(api, monkeypatch, tmp_path):
    """A message starts a run with it; one that is too large starts a run with its address."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: api}):
        said = json.loads(run("emit", str(SAMPLE), "--wait", "5", "--json", code=1))
        [found] = [each for each in runs_of(api, "publish") if each["id"] == said["flow_run"]]
        assert found["parameters"]["event_msg"] == SAMPLE.read_text("utf-8-sig")
        printed = run("emit", str(SAMPLE), "--wait", "3", code=1).splitlines()
        assert re.fullmatch(r"event    [0-9a-f-]{36} is sent", printed[0])
        assert re.fullmatch(r"run      \S+  \S+/flow-run/[0-9a-f-]{36}", printed[1])
        assert printed[-1].startswith("not begun within 3 s: see whether a worker")
        large = tmp_path / "large.xml"
        large.write_text(f"<a>{'x' * 600_000}</a>")
        before = len(runs_of(api, "publish"))
        assert "is sent" in run("emit", str(large))
        until(lambda: len(runs_of(api, "publish")) > before, 20, "the flow run")
        messages = [each["parameters"]["event_msg"] for each in runs_of(api, "publish")]
        [address] = [message for message in messages if message.startswith("file:")]
        assert Path(address.removeprefix("file://")).read_text() == large.read_text()


@pytest.fixture
def operators(api, monkeypatch):
    """Have operators, and a mail server that takes what they are sent."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with Sink() as sink, temporary_settings(updates={PREFECT_API_URL: api}):
        monkeypatch.setenv("GRIDLETTER_OPERATORS", "ops@grid.example")
        monkeypatch.setenv("GRIDLETTER_SMTP_URL", f"smtp://127.0.0.1:{sink.port}?security=none")
        yield sink


def start(flow, **parameters):
    """Start a run of the flow's deployment and run it as a worker does; return its state."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.flows import load_flow_from_entrypoint

    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(f"{flow}/gridletter")
        begun = client.create_flow_run_from_deployment(found.id, parameters=parameters)
        flow = load_flow_from_entrypoint(str(found.entrypoint))
        run_flow(flow, flow_run=client.read_flow_run(begun.id))
        return client.read_flow_run(begun.id).state


def text_of(mail):
    """Return subject and text of a mail."""
    message = message_from_bytes(mail.data, policy=policy.default)
    return message["Subject"], " ".join(message.get_content().split())


def test_a_document_that_has_not_come_is_a_mail_to_the_operators(api, operators):
    """With no arrival today there is one mail, and none once the document was published."""
    from flows import arrivals, document

    expected = "A65@DE_LU=00:00"
    state = start("expect", expected=expected)
    assert (state.type, state.name) == ("COMPLETED", "Overdue")
    [mail] = operators.mails
    assert mail.recipients == ("ops@grid.example",)
    subject, text = text_of(mail)
    assert subject == "Gridletter: A65 for Germany–Luxembourg is overdue"
    assert f"On {datetime.now(ZoneInfo('Europe/Berlin')):%Y-%m-%d} no A65" in text
    assert "by 00:00 (Europe/Berlin)" in text

    [came] = document.read(SAMPLE.read_bytes())
    arrivals.announce(came)
    seen = {"filter": {"event": {"name": ["gridletter.document.arrived"]}}}
    until(lambda: httpx.post(f"{api}/events/filter", json=seen).json()["events"], 30, "the event")
    assert start("expect", expected=expected).name == "Completed"
    assert start("expect", expected="A65=00:00").name == "Completed"
    assert len(operators.mails) == 1
    for other in ("A65@FR=00:00", "A69=00:00"):
        assert start("expect", expected=other).name == "Overdue"
    assert len(operators.mails) == 3


def test_a_push_that_started_no_run_is_a_mail_to_the_operators(api, operators):
    """An event whose message is too large for a parameter starts no run, and that is told."""
    before = len(runs_of(api, "publish"))
    httpx.post(f"{api}/events", json=[pushed("x" * 600_000)]).raise_for_status()
    alarms = until(lambda: runs_of(api, "alarm"), 30, "the alarm")
    assert [each["parameters"]["what"] for each in alarms] == ["a push started no run"]
    assert len(runs_of(api, "publish")) == before
    start("alarm", **alarms[0]["parameters"])
    subject, text = text_of(operators.mails[0])
    assert subject == "Gridletter: a push started no run"
    assert "512" in text


def pushed(body):
    """Return the webhook's event for a message, as JSON."""
    from flows.deploy.events import document_event

    return document_event(body).model_dump(mode="json")


def test_what_hangs_starts_the_alarm(api, operators):
    """A run that is pending past its time starts one alarm, whose mail says what to do."""
    from flows.deploy.deploy import deploy
    from flows.deploy.wanted import PoolType, Wanted

    wanted = Wanted("local", PoolType.PROCESS, alarms=True, pending=timedelta(seconds=10))
    deploy(wanted, settings.load())
    stuck = runs_of(api, "publish")[0]
    state = {"state": {"type": "PENDING"}, "force": True}
    httpx.post(f"{api}/flow_runs/{stuck['id']}/set_state", json=state).raise_for_status()

    def told():
        found = [each["parameters"] for each in runs_of(api, "alarm")]
        return [each for each in found if each["what"] == "a run is stuck"]

    [said] = until(told, 40, "the alarm")
    start("alarm", **said)
    subject, text = text_of(operators.mails[0])
    assert subject == "Gridletter: a run is stuck"
    assert f"{stuck['name']} ({stuck['id']}) has been pending for more than 0.166" in text
    assert "cancel the run and run it again: nobody gets a mail twice" in text

"""What `emit` and `deploy` say where they can't begin, and what an event holds."""

from __future__ import annotations

import json

import jinja2
import pytest
from prefect import settings
from prefect.server.utilities.user_templates import render_user_template_sync

from deploying import run
from flows.deploy.events import (
    DOCUMENT_EVENT,
    EVENT_MSG_TEMPLATE,
    RESOURCE_ID,
    WEBHOOK_TEMPLATE,
    document_event,
)

HOSTILE = 'a "quoted" \\n {{ event.id }} {% raw %}\n</script>\u2028 é \\u0041 \x00'


def test_without_an_api_both_commands_say_what_to_set(tmp_path):
    """No Prefect API is named: one line with the remedy, exit code 1, and nothing is started."""
    message = tmp_path / "message.xml"
    message.write_text("<a/>")
    with settings.temporary_settings(restore_defaults={settings.PREFECT_API_URL}):
        assert "PREFECT_API_URL" in run("emit", str(message), code=1)
        assert "PREFECT_API_URL" in run("deploy", "--pool", "p", "--type", "process", code=1)


def test_what_can_not_be_read_is_not_sent(tmp_path):
    """A file that is not there is named before any API is asked."""
    assert "can't be read" in run("emit", str(tmp_path / "none.xml"), code=1)


@pytest.mark.parametrize("wrong", ["10", "0m", "h", "-5m", "1.5h"])
def test_a_time_needs_number_and_unit(wrong):
    """A time that is none is wrong usage."""
    asked = ("deploy", "--pool", "p", "--type", "process")
    assert "is no time" in run(*asked, "--pending", wrong, code=2)
    assert "is not TYPE=HH:MM" in run(*asked, "--expect", f"A69={wrong}", code=1)


@pytest.mark.parametrize("body", [HOSTILE, "", "<a/>", '{"a": 1}'])
def test_the_webhooks_event_is_the_gateways(body):
    """Prefect renders the webhook's template to the gateway's event, whatever comes."""
    rendered = json.loads(render_user_template_sync(WEBHOOK_TEMPLATE, {"body": body}))
    event = document_event(body)
    assert rendered["event"] == event.event == DOCUMENT_EVENT
    assert rendered["resource"] == {"prefect.resource.id": RESOURCE_ID}
    assert rendered["payload"] == event.payload == {"body": body}


def test_the_triggers_template_hands_the_body_over_once():
    """The automation's template gives the body itself: what looks like a template there is text."""
    event = document_event(HOSTILE)
    assert jinja2.Template(EVENT_MSG_TEMPLATE).render(event=event) == HOSTILE

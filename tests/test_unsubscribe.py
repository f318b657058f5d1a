"""The unsubscribe flow on a real Prefect API: a click that came as an event, and what is none."""

from __future__ import annotations

import json
import logging
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from flows.delivery.ledger import open_ledger
from flows.delivery.unsubscribe import Links
from flows.errors import LinkError, MessageError, SettingsError, StorageError
from flows.settings import load

READER = "ada.lovelace@mail.example"
KEYS = ("o" * 32, "n" * 32)
BASE = "https://letters.example/unsubscribe/"
FORM = "application/x-www-form-urlencoded"
LINK = Links(KEYS, BASE).url("wind_solar", READER)
TOKEN = LINK.removeprefix(BASE)


@pytest.fixture(autouse=True)
def installation(monkeypatch):
    """Set the keys; where the ledger is follows from the home."""
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_KEYS", ",".join(KEYS))
    monkeypatch.setenv("GRIDLETTER_UNSUBSCRIBE_URL", BASE)


@pytest.fixture
def run(request, monkeypatch):
    """The flow on a real Prefect API, its retries at once; returns the run's final state."""
    request.getfixturevalue("prefect")
    from flows import unsubscribe

    at_once = unsubscribe.suppress.with_options(retry_delay_seconds=0)
    monkeypatch.setattr(unsubscribe, "suppress", at_once)
    return partial(unsubscribe.unsubscribe, return_state=True)


def read(event_msg):
    """Return whom the flow would suppress."""
    from flows.unsubscribe import token_of

    return Links(KEYS, BASE).read(token_of(event_msg))


def reason():
    return open_ledger(load().ledger_address).suppressed(READER)


def click(method="POST", token=TOKEN):
    return json.dumps({"method": method, "token": token})


def as_event(method, headers, body):
    """Return the event that a webhook with our template makes of a request, as Prefect says it.

    A template sees the method in capitals, the headers, and the body: a form's fields as a
    dictionary, what is not JSON as text.
    """
    from prefect.server.events.schemas.events import Event
    from prefect.server.utilities.user_templates import render_user_template_sync

    from flows.unsubscribe import WEBHOOK_TEMPLATE

    context = {"method": method, "headers": Headers(headers), "body": body}
    return Event.model_validate(
        json.loads(render_user_template_sync(WEBHOOK_TEMPLATE, context))
        | {"occurred": "2025-10-25T17:05:00Z", "id": "0123456789abcdef0123456789abcdef"}
    )


def as_event_msg(event):
    """Return the parameter that an automation makes of the event."""
    from prefect.server.utilities.user_templates import render_user_template_sync

    from flows.unsubscribe import EVENT_MSG_TEMPLATE

    return render_user_template_sync(EVENT_MSG_TEMPLATE, {"event": event})


def test_a_click_suppresses_the_address_and_a_second_one_ends_the_same(run, caplog):
    """The event of a POST is on the disk when its run has completed; the log has no address."""
    logger = logging.getLogger("prefect.flow_runs")
    logger.addHandler(caplog.handler)
    try:
        for _ in range(2):
            assert run(click()).is_completed()
            assert reason() == "unsubscribed: by the link in wind_solar"
    finally:
        logger.removeHandler(caplog.handler)
    assert "a reader of wind_solar is unsubscribed" in caplog.text
    assert "a reader of wind_solar was unsubscribed before" in caplog.text
    assert "lovelace" not in caplog.text


@pytest.mark.parametrize(
    ("event_msg", "error"), [(click("GET"), MessageError), (click(token=TOKEN[:-1]), LinkError)]
)
def test_what_is_no_click_fails_in_one_line(run, event_msg, error):
    """A mail scanner's GET, or a damaged link, is a failed run that says why and what to do."""
    state = run(event_msg)
    assert state.is_failed()
    known = state.result(raise_on_failure=False)
    assert isinstance(known, error)
    assert known.remedy in state.message
    assert "\n" not in state.message
    assert reason() is None


@pytest.mark.parametrize(
    "event_msg", [click(token=LINK), LINK, TOKEN, f" {LINK}\n", f"{BASE[:-1]}?token={TOKEN}"]
)
def test_a_link_is_as_good_as_its_token(event_msg):
    """A whole link does in an event, and link or token alone where a person starts the run."""
    assert read(event_msg).email == READER


@pytest.mark.parametrize("method", ["GET", "HEAD", "get", "", "POST\n", "post"])
def test_opening_a_link_is_no_click(method):
    """Only a POST unsubscribes, also where an event of another method came as far as a run."""
    with pytest.raises(MessageError, match="a POST clicks it"):
        read(click(method))


@pytest.mark.parametrize(
    ("event_msg", "error"),
    [
        (click(token=""), LinkError),
        (Links(("x" * 32,), BASE).url("wind_solar", READER), LinkError),
        ("", LinkError),
        ("List-Unsubscribe=One-Click", LinkError),
        ("Failed to render template due to the following error: UndefinedError()", LinkError),
        ("{'method': 'POST'}", MessageError),
        ('{"method": "POST"}', MessageError),
        ('{"method": ["POST"], "token": 7}', MessageError),
    ],
)
def test_what_is_no_click_is_refused(event_msg, error):
    """A stranger's link, an empty event, or Prefect's words on a failed template name nobody."""
    with pytest.raises(error):
        read(event_msg)


@pytest.mark.parametrize("unit", ['{"a":', "a", "a "])
def test_a_long_message_is_refused_at_once(unit):
    """A message at Prefect's bound, nested as deep as it can be, is a typed error."""
    with pytest.raises((MessageError, LinkError)):
        read(unit * (512_000 // len(unit)))


def test_a_ledger_that_comes_back_is_tried_again(run, monkeypatch):
    """A ledger that was away for a moment costs no click."""
    from flows import unsubscribe

    tries = []

    def open_third_time(address):
        tries.append(address)
        if len(tries) < 3:
            raise StorageError("locked", remedy="Wait.", path=address)
        return open_ledger(address)

    monkeypatch.setattr(unsubscribe, "open_ledger", open_third_time)
    assert run(click()).is_completed()
    assert len(tries) == 3
    assert reason() is not None


def test_a_ledger_that_stays_away_fails_the_run(run, monkeypatch, tmp_path):
    """A click that could not be recorded is no completed run."""
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("GRIDLETTER_LEDGER", f"sqlite:///{blocked / 'ledger.db'}")
    state = run(click())
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), StorageError)


def test_a_missing_key_is_named(monkeypatch):
    """Without a key no link can be read, and the error says which setting it is."""
    from flows.unsubscribe import unsubscribe

    monkeypatch.delenv("GRIDLETTER_UNSUBSCRIBE_URL")
    monkeypatch.delenv("GRIDLETTER_UNSUBSCRIBE_KEYS")
    with pytest.raises(SettingsError) as caught:
        unsubscribe.fn(click())
    assert caught.value.data["setting"] == "GRIDLETTER_UNSUBSCRIBE_KEYS"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        # A mail program's click, to which what stands before the webhook has added the token.
        ({"gridletter-token": TOKEN, "content-type": FORM}, {"List-Unsubscribe": "One-Click"}),
        (
            {"Gridletter-Token": LINK, "content-type": "multipart/form-data; boundary=x"},
            '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click',
        ),
        # A form of a page of one's own.
        ({"content-type": FORM}, {"List-Unsubscribe": "One-Click", "token": TOKEN}),
        ({"content-type": "application/json"}, {"token": LINK}),
    ],
)
def test_the_webhook_template_makes_a_click_of_a_post(headers, body):
    """From the request through Prefect's own rendering to the parameter that the flow reads."""
    from flows.unsubscribe import CLICK_EVENT

    event = as_event("POST", headers, body)
    assert event.event == CLICK_EVENT
    assert read(as_event_msg(event)).email == READER


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT"])
def test_the_webhook_template_tells_a_get_from_a_post(method):
    """What a scanner opens is another event, for which no run starts, and no click in a run."""
    from flows.unsubscribe import CLICK_EVENT

    event = as_event(method, {"gridletter-token": TOKEN}, "")
    assert event.event != CLICK_EVENT
    with pytest.raises(MessageError, match=method):
        read(as_event_msg(event))


@settings(deadline=None)  # the first example imports Prefect's server
@given(st.text() | st.text(alphabet='{}":,[]\\ methodtokenPOSTGET', max_size=60))
def test_a_hostile_request_stays_a_string(text):
    """Whatever is in header or body, the webhook's template makes of it valid JSON, as it was."""
    for headers, body in (({}, {"token": text}), ({}, text), ({}, None)):
        event = as_event("POST", headers, body)
        assert set(event.payload["click"]) == {"method", "token"}
        assert event.payload["click"]["method"] == "POST"
        assert event.payload["click"]["token"] == (text if isinstance(body, dict) else "")


@settings(deadline=None)
@given(st.text() | st.text(alphabet='{}":,[]\\ methodtokenPOSTGET', max_size=60))
def test_any_message_has_a_token_or_an_error(event_msg):
    """Nothing that an event can hold makes reading it fail in another way."""
    from flows.unsubscribe import token_of

    try:
        token = token_of(event_msg)
    except MessageError:
        return
    assert token.isascii()
    assert not set(token) & set(" /?=&%{}\"'")

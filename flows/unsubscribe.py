"""The flow: one click on an unsubscribe link, come as an event, ends all mail to its address.

It is for installations without a gateway, whose links lead to a Prefect Cloud webhook. A webhook's
template sees the `method`, `headers` and `body` of a request, but neither its path nor its query,
and the body of a mail program's click is `List-Unsubscribe=One-Click` alone (RFC 8058). So what
stands before the webhook (a CDN, an API gateway) hands the link's token on in the header
`Gridletter-Token`; a page's own form may have it as its field `token`.

Webhooks answer GET as they do POST, and mail scanners open every link. The template therefore puts
the method into the event's name, so that the automation starts no run for an opened link, and into
the click, so that a run that was started nevertheless refuses it.

    prefect cloud webhook create unsubscribe --template "$WEBHOOK_TEMPLATE"
    automation: expects the event CLICK_EVENT, gives the flow `event_msg` = EVENT_MSG_TEMPLATE
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff
from pydantic import BaseModel, ValidationError

from flows import settings
from flows.delivery.ledger import open_ledger
from flows.delivery.subscribers import SubscriberState
from flows.delivery.unsubscribe import Links
from flows.errors import MessageError, StorageError, one_line

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

    from flows.delivery.unsubscribe import Unsubscription

WEBHOOK_TEMPLATE: Final = """\
{
  "event": "gridletter.unsubscribe.{{ method|lower }}",
  "resource": {"prefect.resource.id": "gridletter.unsubscribe"},
  "payload": {
    "click": {
      "method": {{ method|tojson }},
      "token": {{ (headers['gridletter-token'] or body.token)|default('')|tojson }}
    }
  }
}
"""
CLICK_EVENT: Final = "gridletter.unsubscribe.post"
EVENT_MSG_TEMPLATE: Final = "{{ event.payload.click|tojson }}"

_TOKEN_CHARACTERS: Final = string.ascii_letters + string.digits + "-_."


class Click(BaseModel):
    """A request to an unsubscribe link: its HTTP method, and the link or the token that ends it."""

    method: str
    token: str


@flow(name="unsubscribe")
def unsubscribe(event_msg: str) -> None:
    """Let no mail go any more to the address of the link that was clicked.

    A second click on it, or a second run with the same one, ends like the first.

    Args:
        event_msg: A click as `WEBHOOK_TEMPLATE` has it: `{"method": "POST", "token": "…"}`. Or the
            link or token alone, where a person decided: a reader who wrote instead of clicking.

    Raises:
        MessageError: it is no click, or one that only opens a page (GET, HEAD).
        LinkError: the link was not made here, or is not complete.
        SettingsError: there is no key, or no such ledger.
        StorageError: the ledger can't be written, also after some retries.
    """
    options = settings.load()
    links = Links(options.unsubscribe_key_list, options.unsubscribe_url or "")
    who = links.read(token_of(event_msg))
    is_new = suppress(options.ledger_address, who)
    # Logs are kept by others, and for long: they can do without the address.
    done = "is unsubscribed" if is_new else "was unsubscribed before"
    get_run_logger().info("a reader of %s %s", who.newsletter, done)


def token_of(event_msg: str) -> str:
    """Return the token in the event message, which is not read yet and may be anything.

    Raises:
        MessageError: it is no click, or one that only opens a page.
    """
    text = event_msg.strip()
    if text.startswith("{"):
        text = _posted(text)
    # A link is an address to which the token was appended, so whatever that is, it ends the link.
    return text[len(text.rstrip(_TOKEN_CHARACTERS)) :]


def _posted(text: str) -> str:
    try:
        click = Click.model_validate_json(text)
    except ValidationError:
        raise MessageError(
            "the event is no click: it has no method or no token",
            remedy="Write the webhook's template as flows/unsubscribe.py has it.",
        ) from None
    if click.method != "POST":
        raise MessageError(
            f"a {one_line(click.method, 10)} request opens an unsubscribe link, a POST clicks it",
            remedy=f"Let the automation wait for {CLICK_EVENT} alone.",
        )
    return click.token


def _ledger_was_away(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), StorageError)


@task(
    cache_policy=NO_CACHE,
    retries=5,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.3,
    retry_condition_fn=_ledger_was_away,
)
def suppress(ledger_address: str, who: Unsubscription) -> bool:
    """Let nothing go to the address any more; return False where that was so already."""
    reason = f"{SubscriberState.UNSUBSCRIBED}: by the link in {who.newsletter}"
    return open_ledger(ledger_address).suppress(who.email, reason)

"""What is noted after a message was published: how long it took, and that its claim can go."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flows import metrics
from flows.claims import Claims
from flows.errors import StorageError
from flows.gateway.inbox import Inbox

if TYPE_CHECKING:
    from flows.outcome import Outcome
    from flows.settings import Settings

_log = logging.getLogger(__name__)


def note(event_msg: str, result: list[Outcome] | Exception, options: Settings) -> None:
    """Note what became of a message.

    Args:
        event_msg: The message, or the address of a large one, as the flow run had it.
        result: What `publish` returned, or the error that it ended with.
        options: Where inbox and claims are.
    """
    if isinstance(result, Exception):
        # A large message stays where it is: the run can be retried from Prefect's pages.
        _log.error("%s", result)
        return
    claims = Claims(options)
    try:
        if any(outcome.mails for outcome in result):
            inbox = Inbox(options.inbox_file)
            seconds = inbox.sent(claims.digest(event_msg))
            inbox.close()
            if seconds is not None:
                metrics.SECONDS.observe(seconds)
        claims.remove(event_msg)
    except StorageError as error:
        _log.warning("%s", error)
    for outcome in result:
        what = " ".join(filter(None, (outcome.newsletter, outcome.zone)))
        _log.info("%s %s %s", outcome.state, what, outcome.page or outcome.reason or "")

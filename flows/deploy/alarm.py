"""The flow that tells the operators by mail what an automation of Prefect noticed."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow, get_run_logger

from flows import alert, sending, settings
from flows.errors import one_line
from flows.outcome import Outcome


@flow(name="alarm", retries=12, retry_delay_seconds=300)
def alarm(what: str, reason: str) -> None:
    """Mail the operators; retried for an hour, for nobody else tells them.

    Args:
        what: What needs them, for the subject.
        reason: What happened, and what to do.

    Raises:
        DeliveryError: the mail server takes nothing from us as things are set.
        MailServerUnavailable: it does not answer.
        StorageError: the outbox can't be written, where no server is set.
    """
    options = settings.load()
    get_run_logger().error("%s: %s", what, reason)
    if options.operators is None:
        return
    outcome = Outcome("failed", newsletter=one_line(what, 100), reason=one_line(reason))
    message = alert.compose([outcome], datetime.now(UTC), options)
    alert.send(message, sending.mail_server(options), options)

"""The flow that tells the operators by mail what an automation of Prefect noticed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger

from flows import alert, sending, settings

if TYPE_CHECKING:
    from flows.settings import Settings


@flow(name="alarm", flow_run_name="{what}", retries=12, retry_delay_seconds=300)
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
    get_run_logger().error("%s: %s", what, reason)
    tell(what, reason, settings.load())


def tell(what: str, reason: str, options: Settings) -> None:
    """Mail the operators, if they have an address.

    Args:
        what: What needs them, for the subject.
        reason: What happened, and what to do.
        options: Whom, from whom, and by which server.

    Raises:
        DeliveryError: the mail server takes nothing from us as things are set.
        MailServerUnavailable: it does not answer.
        StorageError: the outbox can't be written, where no server is set.
        SettingsError: the block that is named as mail server is not there.
    """
    if options.operators is None:
        return
    message = alert.notice(what, reason, datetime.now(UTC), options)
    alert.send(message, sending.mail_server(options), options)

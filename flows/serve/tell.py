"""A mail to the operators about something that `serve` noticed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx

from flows.deploy import alarm
from flows.errors import GridletterError

if TYPE_CHECKING:
    from flows.settings import Settings

_log = logging.getLogger(__name__)


def tell(options: Settings, what: str, reason: str) -> None:
    """Tell the operators, if they have an address; where that fails, the log has it.

    Args:
        options: Whom, from whom, and by which server.
        what: What needs them, for the subject.
        reason: What happened, and what to do.
    """
    _log.error("%s: %s", what, reason)
    try:
        alarm.tell(what, reason, options)
    except (GridletterError, ValueError, httpx.HTTPError) as error:
        _log.error("the operators could not be told: %s", error)

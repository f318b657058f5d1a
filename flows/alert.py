"""What operators learn by mail: what failed, hangs or never came, where, and what to do."""

from __future__ import annotations

import hashlib
import textwrap
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Final

from flows.delivery.smtp import dial
from flows.errors import StorageError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.delivery.smtp import SmtpServer
    from flows.outcome import Outcome
    from flows.settings import Settings

_TIMEOUT_SECONDS: Final = 30
_MOST_ATTACHED_BYTES: Final = 5 << 20
_LONGEST_REASON: Final = 2000
_LINE: Final = 76


def compose(outcomes: Sequence[Outcome], event_time: datetime, settings: Settings) -> EmailMessage:
    """Return the mail about `outcomes` that need an operator, their notebooks attached.

    Args:
        outcomes: What failed, or was rejected by too many; each with its reason and remedy.
        event_time: When the run ended.
        settings: Give sender and recipient.
    """
    more = f" and {len(outcomes) - 1} more" if len(outcomes) > 1 else ""
    message = _message(f"{_what(outcomes[0])} needs you{more}", outcomes, event_time, settings)
    message.set_content("\n\n".join(_paragraph(outcome) for outcome in outcomes) + _WHAT_TO_DO)
    room = _MOST_ATTACHED_BYTES
    for outcome in outcomes:
        if outcome.kept is not None and (size := outcome.kept.stat().st_size) <= room:
            room -= size
            message.add_attachment(
                outcome.kept.read_bytes(),
                maintype="application",
                subtype="x-ipynb+json",
                filename=outcome.kept.name,
            )
    return message


def notice(what: str, reason: str, event_time: datetime, settings: Settings) -> EmailMessage:
    """Return the mail about something that is no document's outcome, such as a run that hangs.

    Args:
        what: What needs an operator, for the subject.
        reason: What happened, and what to do.
        event_time: When it was noticed.
        settings: Give sender and recipient.
    """
    message = _message(what, (what, reason), event_time, settings)
    message.set_content(textwrap.fill(one_line(reason, _LONGEST_REASON), _LINE))
    return message


def send(message: EmailMessage, server: SmtpServer | None, settings: Settings) -> None:
    """Hand the mail to the server, or write it to the outbox where none is set.

    Raises:
        DeliveryError: the server takes nothing from us as things are set.
        MailServerUnavailable: it does not answer.
        StorageError: the outbox can't be written.
    """
    if server is not None:
        with dial(server, timeout_seconds=_TIMEOUT_SECONDS) as smtp:
            smtp.send_message(message)
        return
    folder = settings.outbox_folder
    path = folder / f"{message['Message-ID'].strip('<>').partition('@')[0]}.eml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(message.as_bytes())
    except OSError as error:
        raise StorageError(
            f"the outbox {folder} can't be written: {error.strerror}",
            remedy="See to its rights and free space.",
            path=str(folder),
        ) from error


_WHAT_TO_DO = """

Publish the same message again once the cause is mended: what is done stays done, and nobody
gets a mail twice. `gridletter resume` goes on with mails alone, `gridletter doctor` looks for
what is wrong on the machine.
"""


def _message(
    subject: str, content: object, event_time: datetime, settings: Settings
) -> EmailMessage:
    """Return a mail to the operators that has all but its text; `content` makes its id."""
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(settings.sender)
    message["Subject"] = one_line(f"Gridletter: {subject}", 150)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=settings.operators or "")
    message["Date"] = format_datetime(event_time)
    message["Auto-Submitted"] = "auto-generated"
    digest = hashlib.blake2b(repr(content).encode(), digest_size=10).hexdigest()
    stamp = f"{event_time:%Y%m%d%H%M%S}"
    message["Message-ID"] = f"<alert.{stamp}.{digest}@{address.rpartition('@')[2]}>"
    return message


def _what(outcome: Outcome) -> str:
    return " ".join(filter(None, (outcome.newsletter, outcome.zone))) or "a market document"


def _paragraph(outcome: Outcome) -> str:
    lines = [f"{_what(outcome)}: {outcome.state}", f"  {outcome.reason}"]
    if outcome.kept is not None:
        lines.append(f"  The notebook as far as it ran: {outcome.kept}")
    if outcome.page is not None:
        lines.append(f"  The page: {outcome.page}")
    return "\n".join(lines)

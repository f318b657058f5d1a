"""Every error that this project raises, and whether trying again can help.

GridletterError
├── PermanentError ─ the same input fails the same way: mend it, then send it again
│   ├── MessageError ─ the push message: envelope, encoding, archive, address
│   │   └── MessageTooLarge ─ a bound was passed: bytes, documents, unpacked size
│   ├── DocumentError ─ the market document inside: syntax, codes, periods, points
│   ├── NewsletterError ─ a notebook's header or parameters break the contract
│   ├── NotebookError ─ a notebook ran and failed; says which cell and why
│   ├── RenderError ─ an executed notebook can't become a page or a mail
│   ├── SubscriberError ─ an address or a line of the subscribers' file
│   ├── DeliveryError ─ the mail server takes nothing from us: TLS, login, sender
│   ├── LinkError ─ an unsubscribe link that was not made here
│   └── SettingsError ─ a setting is missing, malformed or contradicts another
└── RetryableError ─ the world failed, not the input: Prefect's retries apply
    ├── ReferenceUnavailable ─ the platform did not answer with reference data
    ├── MailServerUnavailable ─ the mail server can't be reached, or fails most mails
    └── StorageError ─ the archive or the outbox can't be read or written just now
"""

from __future__ import annotations

import re
from typing import ClassVar

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\s]+")
_LONGEST_LINE = 600


def one_line(text: object, longest: int = _LONGEST_LINE) -> str:
    """Return `text` as a single printable line of at most `longest` characters.

    Control characters, line breaks and bidirectional overrides become spaces, so that a value
    taken from a document can neither forge a log line nor hide a part of one.
    """
    line = _CONTROL.sub(" ", str(text)).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


class GridletterError(Exception):
    """What happened (`what`), what to do about it (`remedy`) and the facts behind it (`data`)."""

    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, remedy: str, **data: object) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.data = data

    def __str__(self) -> str:
        what = one_line(self.what).rstrip(".")
        return f"{what}. {one_line(self.remedy)}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.remedy, self.data)


def _rebuild(
    cls: type[GridletterError], what: str, remedy: str, data: dict[str, object]
) -> GridletterError:
    return cls(what, remedy=remedy, **data)


class PermanentError(GridletterError):
    """The same input will fail the same way; nothing retries it."""


class RetryableError(GridletterError):
    """The world failed, not the input; a later attempt may succeed."""

    retryable = True


class MessageError(PermanentError):
    """The event message is in none of the accepted forms."""


class MessageTooLarge(MessageError):
    """The event message, or what it unpacks to, passes a bound."""


class DocumentError(PermanentError):
    """The market document is malformed, truncated or contradicts itself.

    `data` has `line` (of the XML, where known) and `element`.
    """


class NewsletterError(PermanentError):
    """A notebook is no newsletter: its header or its parameters break the contract.

    `data` has `path` and, where one is at fault, `cell` (index from 0).
    """


class NotebookError(PermanentError):
    """A notebook was run and did not finish.

    `data` has `newsletter`, `cell` (index from 0, in the executed notebook; None if no cell was
    reached), `ename`, `evalue`, and `executed` (the notebook as far as it came, a NotebookNode).
    """


class RenderError(PermanentError):
    """An executed notebook can't become an issue: no headline, or a mail over its budget."""


class SubscriberError(PermanentError):
    """A line of the subscribers' file can't be taken; `data` has `line` (number from 1)."""


class DeliveryError(PermanentError):
    """The mail server takes nothing from us as things are set; `data` has its `reply`, if any."""


class LinkError(PermanentError):
    """An unsubscribe link is damaged, or was signed with a key that is not ours (any more)."""


class SettingsError(PermanentError):
    """A setting is missing or malformed; `data` has `setting`."""


class ReferenceUnavailable(RetryableError):
    """The Transparency Platform gave no reference data; the newsletter goes out without it."""


class MailServerUnavailable(RetryableError):
    """The mail server can't be reached just now, or fails most mails; `data` has its `reply`."""


class StorageError(RetryableError):
    """The archive, the outbox or a cache can't be read or written just now; `data` has `path`."""

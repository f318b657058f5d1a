"""One issue becomes one mail for each reader (RFC 5322, MIME, RFC 2369, RFC 2919, RFC 8058).

Everything that readers share is encoded once. What differs from reader to reader stands on lines of
its own: To, Message-ID and List-Unsubscribe, the greeting and the unsubscribe link. A mail is then
put together from ready pieces, since quoted-printable encodes line by line.

No line of a mail begins with a dot, which quoted-printable can write as `=2E`: what goes over the
wire after DATA is the mail, byte for byte, and nobody need look for dots to double.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from email.utils import format_datetime, getaddresses
from html import escape
from typing import TYPE_CHECKING, Final

from flows.delivery import encode
from flows.errors import SettingsError, SubscriberError, one_line
from flows.issue import slug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flows.delivery.ledger import Recipient
    from flows.issue import Issue

GREETING_SLOT: Final = "<!-- greeting -->"
UNSUBSCRIBE_SLOT: Final = "<!-- unsubscribe -->"

_BODY_START = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Pieces:
    """A mail's body, encoded, as far as readers share it; what is theirs goes in between.

    In order: `opening`, the text's greeting, `text`, its link, `html_head`, the HTML's greeting,
    `html`, its link, `closing`.
    """

    opening: bytes
    text: bytes
    html_head: bytes
    html: bytes
    closing: bytes


@dataclass(frozen=True)
class Prepared:
    """An issue's mail as far as its readers share it; `mail_to` adds what is theirs.

    `sender` is the bare address, for the envelope; its domain is part of each Message-ID. `answers`
    is the issue that a correction is about: a reader's client shows both together.
    """

    issue_id: str
    sender: str
    headers: bytes
    pieces: Pieces
    unsubscribe_url: Callable[[str], str] | None
    answers: str | None = None

    def message_id(self, recipient: Recipient) -> str:
        """Return the Message-ID without its angle brackets: the same at each attempt."""
        return self._message_id(self.issue_id, recipient)

    def _message_id(self, issue_id: str, recipient: Recipient) -> str:
        digest = hashlib.blake2b(recipient.email.lower().encode(), digest_size=8).hexdigest()
        return f"{issue_id}.{digest}@{_domain(self.sender)}"

    def mail_to(self, recipient: Recipient) -> bytes:
        """Return the mail to `recipient`: CRLF lines, none of which begins with a dot.

        Raises:
            SubscriberError: the recipient's address is none that mail can go to.
        """
        if not encode.is_address(recipient.email):
            raise SubscriberError(
                f"{one_line(recipient.email, 80)!r} is no address",
                remedy="Remove it from the subscribers.",
                line=None,
            )
        name = one_line(recipient.name, encode.LONGEST_NAME)
        hello = f"Hello {name}," if name else "Hello,"
        url = self.unsubscribe_url(recipient.email) if self.unsubscribe_url else None
        own = f"To: {encode.mailbox('To', name, recipient.email)}\r\n"
        own += f"Message-ID: <{self.message_id(recipient)}>\r\n"
        if self.answers is not None:
            first = self._message_id(self.answers, recipient)
            own += f"In-Reply-To: <{first}>\r\nReferences: <{first}>\r\n"
        text_link = html_link = ""
        if url is not None:
            # Receivers take this header byte by byte, and folding could break the address.
            own += f"List-Unsubscribe: <{url}>\r\n"
            if url.startswith("https:"):
                own += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            text_link = f"\nUnsubscribe:\n{url}\n"
            html_link = f'<a href="{escape(url)}">Unsubscribe</a>\n'
        pieces = self.pieces
        return b"".join(
            (
                self.headers,
                own.encode("ascii"),
                pieces.opening,
                encode.quoted_printable(f"{hello}\n\n"),
                pieces.text,
                encode.quoted_printable(text_link),
                pieces.html_head,
                encode.quoted_printable(f"{escape(hello)}\n"),
                pieces.html,
                encode.quoted_printable(html_link),
                pieces.closing,
            )
        )


def prepare(
    issue: Issue,
    html: str,
    text: str,
    charts: Mapping[str, bytes],
    *,
    sender: str,
    unsubscribe_url: Callable[[str], str] | None,
) -> Prepared:
    """Encode what the mails of `issue` have in common.

    Args:
        issue: Gives subject, date and list and, with the reader, the Message-ID.
        html: The mail's HTML. Greeting and unsubscribe link stand where it has `GREETING_SLOT` and
            `UNSUBSCRIBE_SLOT`, else first and last in its body.
        text: The plain text alternative.
        charts: PNG bytes by the names in `issue.figures`, whose `cid` the HTML refers to.
        sender: `Name <address>`; the address' domain names the list and the message.
        unsubscribe_url: Gives the one-click address for a reader's email address. None where nobody
            would answer it: the mails then carry no link.

    Raises:
        SettingsError: `sender` is no address.
    """
    mailboxes = getaddresses([sender])
    if len(mailboxes) != 1 or not encode.is_address(mailboxes[0][1]):
        raise SettingsError(
            "GRIDLETTER_SENDER is no address",
            remedy='Set it like "Gridletter <newsletter@example.org>".',
            setting="GRIDLETTER_SENDER",
        )
    ((name, address),) = mailboxes
    list_name = slug(issue.newsletter).replace("_", "-").lower()
    shared = {
        "From": encode.mailbox("From", name, address),
        "Subject": encode.unstructured("Subject", issue.subject),
        "Date": format_datetime(issue.published),
        "List-Id": f"{encode.phrase(issue.title)} <{list_name}.{_domain(address)}>",
        # RFC 3834: keeps the readers' out-of-office responders from answering.
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
    }
    headers = "".join(f"{name}: {value}\r\n" for name, value in shared.items())
    return Prepared(
        issue_id=issue.delivery_id,
        sender=address,
        headers=headers.encode("ascii"),
        pieces=_pieces(issue, html, text, charts),
        unsubscribe_url=unsubscribe_url,
        answers=issue.issue_id if issue.corrects else None,
    )


def _pieces(issue: Issue, html: str, text: str, charts: Mapping[str, bytes]) -> Pieces:
    # "=_" stands in no quoted-printable and no base64 text: no part can hold a boundary.
    outer, inner = f"=_{issue.delivery_id}", f"=_{issue.delivery_id}_related"
    before, between, after = _around_slots(html)
    opening = (
        f'Content-Type: multipart/alternative; boundary="{outer}"\r\n\r\n'
        f"--{outer}\r\n{_text_headers('plain')}"
    )
    html_head, closing = f"\r\n--{outer}\r\n", f"\r\n--{outer}--\r\n"
    if issue.figures:
        html_head += (
            'Content-Type: multipart/related; type="text/html";\r\n'
            f' boundary="{inner}"\r\n\r\n--{inner}\r\n'
        )
        closing = f"\r\n--{inner}--\r\n{closing}"
    return Pieces(
        opening=opening.encode(),
        text=encode.quoted_printable(text),
        html_head=(html_head + _text_headers("html")).encode() + encode.quoted_printable(before),
        html=encode.quoted_printable(between),
        closing=encode.quoted_printable(after)
        + b"".join(_images(issue, charts, inner))
        + closing.encode(),
    )


def _around_slots(html: str) -> tuple[str, str, str]:
    """Return the HTML before the greeting, between greeting and unsubscribe link, and after it."""
    before, slot, rest = html.partition(GREETING_SLOT)
    if not slot:
        body = _BODY_START.search(html)
        start = body.end() if body else 0
        before, rest = html[:start], html[start:]
    between, slot, after = rest.rpartition(UNSUBSCRIBE_SLOT)
    if not slot:
        ends = list(_BODY_END.finditer(rest))
        end = ends[-1].start() if ends else len(rest)
        between, after = rest[:end], rest[end:]
    return before, between, after


def _images(issue: Issue, charts: Mapping[str, bytes], boundary: str) -> Iterator[bytes]:
    for figure in issue.figures:
        headers = (
            f"\r\n--{boundary}\r\n"
            "Content-Type: image/png\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            f"Content-ID: <{figure.cid}>\r\n"
            f'Content-Disposition: inline; filename="{figure.name}"\r\n\r\n'
        )
        data = base64.encodebytes(charts[figure.name])
        yield headers.encode("ascii") + data.replace(b"\n", b"\r\n")


def _text_headers(subtype: str) -> str:
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


def _domain(address: str) -> str:
    return address.rpartition("@")[2]

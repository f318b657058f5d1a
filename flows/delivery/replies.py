"""What a mail server's reply means for a mail (RFC 5321, enhanced codes: RFC 3463, RFC 7505)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from flows.errors import one_line

SERVICE_CLOSING: Final = 421
GO_AHEAD: Final = 354
# 454 is what large providers say to who sends too fast.
_SLOWER = frozenset({SERVICE_CLOSING, 454})
# The mailbox, the host or the form of the address is bad; moved; no mail here; disabled.
_DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
# 550 alone also stands for policy (RFC 5321, 4.2.3): without an enhanced code the words decide.
_MAILBOX_UNAVAILABLE = frozenset({550, 551, 553})
_UNKNOWN_USER = re.compile(
    r"(user|recipient|mailbox|account|address)\W.*(unknown|not (found|exist|known)|no longer)"
    r"|(unknown|no such|invalid) (local |virtual )?(user|recipient|mailbox|account|address)"
    r"|does not exist|doesn't exist",
    re.IGNORECASE,
)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_LONGEST = 300


@dataclass(frozen=True)
class Reply:
    """A reply's code and its text in one line."""

    code: int
    text: str

    @classmethod
    def read(cls, code: int, text: bytes) -> Reply:
        """Return the reply that smtplib gives as `code` and `text`, lines and all."""
        return cls(code, one_line(text.decode("utf-8", "replace"), _LONGEST))

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()

    @property
    def is_good(self) -> bool:
        """The server did what it was asked for."""
        return self.code // 100 == 2  # noqa: PLR2004 - the class of positive replies

    @property
    def is_transient(self) -> bool:
        """The server asks to try again later."""
        return self.code // 100 == 4  # noqa: PLR2004 - the class of transient replies

    @property
    def is_permanent(self) -> bool:
        """The server asks not to try again."""
        return self.code // 100 == 5  # noqa: PLR2004 - the class of permanent replies

    @property
    def asks_to_slow_down(self) -> bool:
        """The server is overrun or closes."""
        return self.code in _SLOWER

    @property
    def is_hard_bounce(self) -> bool:
        """The address takes no mail and will take none: nothing else should go there."""
        if not self.is_permanent:
            return False
        enhanced = _ENHANCED.match(self.text)
        if enhanced is not None:
            return enhanced.group(1) in _DEAD_ADDRESS
        return self.code in _MAILBOX_UNAVAILABLE and _UNKNOWN_USER.search(self.text) is not None

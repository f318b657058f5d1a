"""Who gets which newsletter: a reader's name and address, what they asked for, and their state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from email_validator import EmailNotValidError, validate_email

from flows.errors import SubscriberError, one_line

_SEPARATOR: Final = ";"
_LONGEST_NAME: Final = 100
# RFC 5321, 4.5.3.1.3: a path of 256 octets, without its angle brackets.
_LONGEST_ADDRESS: Final = 254
_LONGEST_NAMES: Final = 2000
_NAME: Final = re.compile(r"\w{1,50}", re.ASCII)


class SubscriberState(StrEnum):
    """Whether mails go to a subscriber and, if none do, why: as the ledger knows it."""

    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"

    @classmethod
    def of(cls, reason: str | None) -> SubscriberState:
        """Return what the ledger's `reason` (`bounced: 550 …`), or its absence, stands for."""
        if reason is None:
            return cls.ACTIVE
        word = reason.partition(":")[0]
        return cls(word) if word in {cls.UNSUBSCRIBED, cls.BOUNCED} else cls.SUPPRESSED


@dataclass(frozen=True)
class Subscriber:
    """One reader; an empty tuple of newsletters or zones means all of them.

    `email` is as the ledger has it: in ASCII, an internationalised domain as its A-label (RFC
    5890), and in lower case. `state` is the ledger's word; a directory reads it, and writes none.
    """

    name: str
    email: str
    newsletters: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    state: SubscriberState = SubscriberState.ACTIVE

    @classmethod
    def of(
        cls, name: str, email: str, newsletters: str = "", zones: str = "", state: str = ""
    ) -> Subscriber:
        """Return the reader whom these texts describe, as a line of a CSV file has them.

        Args:
            name: How mails greet them; may be empty.
            email: Their address, of any spelling.
            newsletters: Names of newsletters with `;` in between; empty for all.
            zones: Codes of bidding zones (`DE_LU`) with `;` in between; empty for all.
            state: One of `SubscriberState`; empty for `active`.

        Raises:
            SubscriberError: one of them can't be what it should be; says which.
        """
        name = name.strip()
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise refused("the name is too long or has control characters")
        try:
            standing = SubscriberState(state.strip().lower() or SubscriberState.ACTIVE)
        except ValueError:
            raise refused(f"{one_line(state, 80)!r} is no state of a subscriber") from None
        return cls(
            name=name,
            email=address(email),
            # As newsletters and zones are written: another case would match none, in silence.
            newsletters=tuple(sorted({name.lower() for name in _names("newsletter", newsletters)})),
            zones=tuple(sorted({code.upper() for code in _names("zone", zones)})),
            state=standing,
        )

    def wants(self, newsletter: str, zone_code: str) -> bool:
        """Return whether an issue of `newsletter` for `zone_code` is for this reader."""
        return (not self.newsletters or newsletter in self.newsletters) and (
            not self.zones or zone_code in self.zones
        )


def joined(names: tuple[str, ...]) -> str:
    """Return names of newsletters or zones as one text, with `;` in between."""
    return _SEPARATOR.join(names)


def split(text: str) -> tuple[str, ...]:
    """Return the names that `joined` made a text of."""
    return tuple(text.split(_SEPARATOR)) if text else ()


def address(text: str) -> str:
    """Return the address in the one spelling that the ledger has; no network is asked.

    Raises:
        SubscriberError: it is none, or needs SMTPUTF8 (RFC 6531) on every hop.
    """
    email = text.strip()
    if len(email) > _LONGEST_ADDRESS:
        raise refused(f"{one_line(email, 80)!r} is no address: it is too long")
    try:
        valid = validate_email(email, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise refused(f"{one_line(email, 80)!r} is no address: {error}") from None
    return str(valid.ascii_email).lower()


def refused(why: str, line: int | None = None) -> SubscriberError:
    """Return the error that says why a reader, or the file's `line` (from 1), is not taken."""
    if line is None:
        return SubscriberError(why, remedy="Correct it and try again.", line=None)
    return SubscriberError(
        f"line {line} is refused: {why}", remedy="Correct the line and import it again.", line=line
    )


def barred(email: str, reason: str, line: int | None = None) -> SubscriberError:
    """Return the error that says why the ledger bars `email`, and that a reader's word counts."""
    return SubscriberError(
        refused(f"nothing goes to {email} any more: {reason}", line).what,
        remedy="Leave it out: only its reader could ask for mails again.",
        line=line,
    )


def _names(kind: str, text: str) -> list[str]:
    if len(text) > _LONGEST_NAMES:
        raise refused(f"it names more {kind}s than {_LONGEST_NAMES} characters hold")
    names = [name.strip() for name in text.split(_SEPARATOR) if name.strip()]
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise refused(f"{one_line(name, 80)!r} is no name of a {kind}")
    return names

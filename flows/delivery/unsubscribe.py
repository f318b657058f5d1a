"""The one-click unsubscribe link (RFC 8058): it says which newsletter and whose, signed.

The link works for ever, as law and readers expect, until its key is taken away. It can be read by
whoever holds it, like the mail it stands in, but not made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from itsdangerous import BadData, URLSafeSerializer

from flows.errors import LinkError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHORTEST_KEY: Final = 32

# A token in a test of another newsletter software, or a later purpose of the same key, is not ours.
_SALT = "gridletter.unsubscribe"


@dataclass(frozen=True)
class Unsubscription:
    """Who wants no more of what; the address as it is in the ledger, in lower case."""

    newsletter: str
    email: str


class Links:
    """Makes and reads unsubscribe links under `base_url`, the address of `/unsubscribe/`.

    Args:
        keys: Secrets, the oldest first. The last one signs; links signed by any of them are read,
            so a new key is put last, and an old one goes when its links may stop to work.
        base_url: What a token is appended to, with a slash at its end.

    Raises:
        SettingsError: there is no key, or one that is too short to be safe.
    """

    def __init__(self, keys: Sequence[str], base_url: str) -> None:
        if not keys or min(map(len, keys)) < SHORTEST_KEY:
            raise SettingsError(
                f"an unsubscribe key has at least {SHORTEST_KEY} characters",
                remedy="Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
                setting="GRIDLETTER_UNSUBSCRIBE_KEYS",
            )
        self._base_url = base_url
        self._serializer = URLSafeSerializer(
            list(keys),
            salt=_SALT,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def url(self, newsletter: str, email: str) -> str:
        """Return the link that ends `newsletter` for `email`; the same each time."""
        return f"{self._base_url}{self._serializer.dumps([newsletter, email.lower()])}"

    def of(self, newsletter: str) -> Callable[[str], str]:
        """Return what `prepare` wants: a function from an address to its link."""
        return partial(self.url, newsletter)

    def read(self, token: str) -> Unsubscription:
        """Return what the token, the last part of a link, asks for.

        Raises:
            LinkError: it was not made here.
        """
        try:
            newsletter, email = self._serializer.loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise LinkError(
                "this unsubscribe link is not complete, or not ours",
                remedy="Open it from the mail again, or write to the mail's sender.",
            ) from error
        return Unsubscription(str(newsletter), str(email))

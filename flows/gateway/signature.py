"""Who may push: whoever knows a key, shown as the path's last part or by a signature.

Signatures are those of Standard Webhooks 1.0.0 (symmetric): headers `webhook-id`,
`webhook-timestamp` (seconds since the epoch) and `webhook-signature`, one or more
`v1,<base64 of HMAC-SHA256 of "id.timestamp.body">` with spaces between. The body is signed as it is
sent, compressed or not. A timestamp more than five minutes off is refused; inside these, and for an
hour in all, the inbox takes each id once, so a replay stores nothing.

A key written as `whsec_…` is that in base64, as senders' libraries take it; any other is its own
bytes. All keys are tried, each in constant time, so nothing tells which one nearly fitted.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flows.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import Headers

SHORTEST_KEY: Final = 32
TOLERANCE_SECONDS: Final = 300

_LONGEST_ID: Final = 256
_LONGEST_TIMESTAMP: Final = 12
_MOST_SIGNATURES: Final = 16
_VERSION: Final = b"v1,"
_ENCODED: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request's headers say of its body, not yet compared with it.

    `signatures` are the bytes that stand in the header, without `v1,`.
    """

    webhook_id: str
    timestamp: int
    signatures: tuple[bytes, ...]

    @classmethod
    def of(cls, headers: Headers) -> Signature | None:
        """Return what the headers say; None where they are missing or malformed."""
        webhook_id = headers.get("webhook-id", "")
        timestamp = headers.get("webhook-timestamp", "")
        sent = " ".join(headers.getlist("webhook-signature")).encode("latin-1").split()
        signatures = tuple(part.removeprefix(_VERSION) for part in sent if part[:3] == _VERSION)
        if not (webhook_id.isascii() and webhook_id and len(webhook_id) <= _LONGEST_ID):
            return None
        if not (timestamp.isascii() and timestamp.isdecimal()):
            return None
        if len(timestamp) > _LONGEST_TIMESTAMP or not 0 < len(signatures) <= _MOST_SIGNATURES:
            return None
        return cls(webhook_id, int(timestamp), signatures)

    def is_timely(self, now: float) -> bool:
        """Say whether it was made about `now`, in seconds since the epoch."""
        return abs(now - self.timestamp) <= TOLERANCE_SECONDS


class Keys:
    """The keys of those who may push; none where anybody may.

    Raises:
        SettingsError: a key is too short to be safe, or no base64 after `whsec_`.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if any(len(key) < SHORTEST_KEY for key in keys):
            raise _unusable(f"a webhook key has at least {SHORTEST_KEY} characters")
        self._digests = [_digest(key) for key in keys]
        self._secrets = [_secret(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def knows(self, key: str) -> bool:
        """Say whether `key` is one of the keys."""
        # Of equal length, so that neither a key's length nor its beginning can be found by time.
        given = _digest(key)
        return sum(hmac.compare_digest(given, digest) for digest in self._digests) > 0

    def signed(self, signature: Signature, body: bytes) -> bool:
        """Say whether one of the signatures is made of the body with one of the keys."""
        start = f"{signature.webhook_id}.{signature.timestamp}.".encode()
        matches = []
        for secret in self._secrets:
            code = hmac.new(secret, start, hashlib.sha256)
            code.update(body)
            right = b64encode(code.digest())
            matches += [hmac.compare_digest(right, sent) for sent in signature.signatures]
        return any(matches)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _secret(key: str) -> bytes:
    if not key.startswith(_ENCODED):
        return key.encode()
    try:
        return b64decode(key.removeprefix(_ENCODED), validate=True)
    except ValueError:
        raise _unusable("a webhook key that begins with whsec_ goes on in base64") from None


def _unusable(what: str) -> SettingsError:
    return SettingsError(
        what,
        remedy="Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        setting="GRIDLETTER_WEBHOOK_KEYS",
    )

"""The webhook: the platform's push is stored, then answered; all else comes later.

2xx says that the message is on the disk. 4xx says that it will never be taken as it is: too large,
too slow, not allowed, no message at all. 503 says that it could not be stored just now and may come
again; that is the application's answer to a StorageError. A message that is stored may still be of
no use; the flow judges that, and reports it.

An empty body, by which platforms try an address, is answered with an empty 200.

Where keys are set, a push shows one as the last part of its path or by its signature. One that does
neither gets the same 401 whatever was wrong; the log says what, and never the path.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flows.gateway import answers, body
from flows.gateway.content import decoded, message_text
from flows.gateway.glance import glance
from flows.gateway.room import Room
from flows.gateway.signature import Keys, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import Headers
    from starlette.requests import Request

    from flows.gateway.inbox import Inbox
    from flows.settings import Settings

PATH: Final = "/webhooks/entsoe"
BODY_SECONDS: Final = 60
LEAST_BYTES_PER_SECOND: Final = 1024

# Bodies in memory at once, in largest ones, and how many are worked on: a working one is there up
# to four times over, as it came, unpacked, as text and as it is written.
_ROOM: Final = 8
_AT_WORK: Final = 4
_UNKNOWN: Final = 401
_ANSWERS: Final = {"soap": answers.response_message, "acknowledgement": answers.acknowledgement}
_log = logging.getLogger(__name__)


def routes(options: Settings, inbox: Inbox, on_push: Callable[[], None]) -> list[Route]:
    """Return the webhook's routes, for a Starlette application.

    Args:
        options: `webhook_keys`, `webhook_answer` and `webhook_largest_mb` are read.
        inbox: Where messages are stored.
        on_push: Called in the event loop when one was stored; it must return at once.

    Raises:
        SettingsError: a webhook key can't be used.
    """
    webhook = Webhook(options, inbox, on_push)
    paths = (PATH, PATH + "/{key:path}")
    # Of its own, as the archive's route, which has every other path, would answer a GET with 404.
    return [Route(path, webhook.push, methods=["POST"]) for path in paths] + [
        Route(path, _only_post, methods=["GET"]) for path in paths
    ]


class Webhook:
    """Takes pushes; see `routes`."""

    def __init__(self, options: Settings, inbox: Inbox, on_push: Callable[[], None]) -> None:
        self._keys = Keys(options.webhook_key_list)
        self._answer = _ANSWERS[options.webhook_answer]
        self._largest_bytes = options.webhook_largest_mb << 20
        self._inbox = inbox
        self._on_push = on_push
        self._room = Room(_ROOM * self._largest_bytes)
        self._at_work = CapacityLimiter(_AT_WORK)

    async def push(self, request: Request) -> Response:
        """Store the message, then answer."""
        try:
            signature = self._admit(request)
            with self._room.hold() as hold:
                sent = await body.read(
                    request,
                    largest_bytes=self._largest_bytes,
                    seconds=BODY_SECONDS,
                    least_bytes_per_second=LEAST_BYTES_PER_SECOND,
                    hold=hold,
                )
                work = partial(self._store, sent, request.headers, signature)
                response, is_stored = await to_thread.run_sync(work, limiter=self._at_work)
        except HTTPException as refusal:
            if refusal.status_code != _UNKNOWN:
                _log.warning("a push is refused: %d %s", refusal.status_code, refusal.detail)
            await body.linger(request)
            raise
        if is_stored:
            self._tell()
        return response

    def _admit(self, request: Request) -> Signature | None:
        """Return the signature that the body is still to be compared with, if one is needed."""
        key = request.path_params.get("key", "")
        if not self._keys:
            if key:
                raise HTTPException(404, "there is no such webhook", body.CLOSE)
            return None
        if key:
            if self._keys.knows(key):
                return None
            raise _unknown("its key is none of ours")
        signature = Signature.of(request.headers)
        if signature is None:
            raise _unknown("it has neither a key nor a whole signature")
        if not signature.is_timely(time.time()):
            raise _unknown("its signature is too old, or of the future")
        return signature

    def _store(
        self, sent: bytes, headers: Headers, signature: Signature | None
    ) -> tuple[Response, bool]:
        """Return the answer, and whether a message is stored; in a thread of its own.

        Raises:
            StorageError: it can't be stored just now.
        """
        if signature is not None and not self._keys.signed(signature, sent):
            raise _unknown("its signature is not of this body with a key of ours")
        content = decoded(sent, headers.get("content-encoding", ""), self._largest_bytes)
        if not content.strip():
            return PlainTextResponse(), False
        text = message_text(content, headers.get("content-type", ""))
        webhook_id = None if signature is None else signature.webhook_id
        message = self._inbox.put(text, webhook_id=webhook_id)
        _log.info("a push of %d bytes is stored as %s", len(sent), message.id)
        return self._answer(glance(text)), True

    def _tell(self) -> None:
        try:
            self._on_push()
        except Exception:  # noqa: BLE001 - the message is stored, which alone decides the answer
            _log.exception("what waits for pushes could not be told of one")


async def _only_post(_request: Request) -> Response:
    raise HTTPException(405, "a push is a POST", {"Allow": "POST"})


def _unknown(why: str) -> HTTPException:
    _log.warning("a push is not let in: %s", why)
    headers = {"WWW-Authenticate": "Signature", **body.CLOSE}
    return HTTPException(_UNKNOWN, "a push needs a key", headers)

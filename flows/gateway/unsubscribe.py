"""The unsubscribe link on the web: a page that asks, and the one-click POST (RFC 8058).

GET and HEAD do nothing but show the page, since mail scanners and link previews open every link. A
POST that says `List-Unsubscribe=One-Click`, from a mail program or by the page's button, suppresses
the address in the ledger before it is answered; a second one finds it done. The signed token in the
path is all that it takes: no cookie, no login, no script.

The page names the mailbox only in part (a•••@mail.example). A forwarded mail hands its link on, and
whoever opens that has no need to learn the address; its owner knows it by that much.

A token lets its holder unsubscribe, so the server in front should keep these paths out of its logs.
"""

from __future__ import annotations

import logging
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse
from starlette.routing import Route

from flows.delivery.subscribers import SubscriberState
from flows.errors import LinkError, StorageError
from flows.gateway import body
from flows.issue.identity import TEMPLATES
from flows.issue.templating import csp_hash, environment, stylesheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request

    from flows.delivery.ledger import Ledger
    from flows.delivery.unsubscribe import Links

PATH: Final = "/unsubscribe/"
ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
# A mail program's whole body takes 26 bytes as a form and some 200 as multipart.
LARGEST_BODY_BYTES: Final = 4096
BODY_SECONDS: Final = 10
RETRY_AFTER_SECONDS: Final = 60

_OWN_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = stylesheet(TEMPLATES / "base.css", _OWN_TEMPLATES / "unsubscribe.css")
_TEMPLATES = environment(_OWN_TEMPLATES)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src {csp_hash(_STYLE)}; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_log = logging.getLogger(__name__)


def routes(links: Links, ledger: Ledger, titles: Mapping[str, str]) -> list[Route]:
    """Return the routes below `/unsubscribe/`, for a Starlette application.

    Args:
        links: Reads the tokens.
        ledger: Where an address is suppressed.
        titles: Newsletters' titles by name; one that is not there (any more) goes by its name.
    """

    async def unsubscribe(request: Request) -> HTMLResponse:
        try:
            who = links.read(request.path_params["token"])
        except LinkError:
            return _page("unknown.html", 404)
        words = {
            "address": masked(who.email),
            "newsletter": titles.get(who.newsletter, who.newsletter),
        }
        if request.method != "POST":
            return _page("ask.html", 200, **words)
        sent = await body.read(request, largest_bytes=LARGEST_BODY_BYTES, seconds=BODY_SECONDS)
        if ONE_CLICK not in _fields(request.headers.get("content-type", ""), sent):
            return _page("ask.html", 400, **words)
        try:
            reason = f"{SubscriberState.UNSUBSCRIBED}: by the link in {who.newsletter}"
            is_new = await run_in_threadpool(ledger.suppress, who.email, reason)
        except StorageError as error:
            _log.error("an unsubscription was refused: %s", error)
            page = _page("unavailable.html", 503, **words)
            page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return page
        return _page("done.html", 200, is_new=is_new, **words)

    return [Route(PATH + "{token:path}", unsubscribe, methods=["GET", "POST"])]


def masked(email: str) -> str:
    """Return the address with its local part but for the first character as three dots."""
    mailbox, _, domain = email.rpartition("@")
    return f"{mailbox[:1]}•••@{domain}"


def _page(template: str, status: int, **words: object) -> HTMLResponse:
    html = _TEMPLATES.get_template(template).render(
        style=_STYLE, one_click=dict([ONE_CLICK]), **words
    )
    return HTMLResponse(html, status, _HEADERS)


def _fields(content_type: str, sent: bytes) -> Iterator[tuple[str, str]]:
    """Yield the form's fields: of multipart/form-data (RFC 7578), or of a URL-encoded form.

    Mail programs that send a form without saying so are understood, too.
    """
    if not content_type.lower().startswith("multipart/"):
        yield from parse_qsl(sent.decode("utf-8", "replace"))
        return
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + sent)
    for part in form.walk():
        value = part.get_payload(decode=True)
        if isinstance(value, bytes):
            name = part.get_param("name", header="Content-Disposition")
            yield str(name), value.decode("utf-8", "replace").strip()

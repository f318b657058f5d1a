"""A draft in frames: the mail at a desk's and a phone's width, light and dark, and the page.

The mail is taken apart from its message and shown as a mail program shows it, byte for byte but for
what a frame needs: each image stands where its `cid:` was named, and the question for the reader's
colour scheme is answered. Frames run no script, and reach nothing.
"""

from __future__ import annotations

import base64
import email
import email.policy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import uuid4

from nbformat import NotebookNode

from flows.issue.templating import environment, stylesheet
from flows.preview.draft import Draft, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import EmailMessage

    from flows.errors import GridletterError

TEMPLATES: Final = Path(__file__).parent / "templates"
ENVIRONMENT: Final = environment(TEMPLATES)
DESK_PX: Final = 640
PHONE_PX: Final = 360

Scheme = Literal["light", "dark"]

_FRAGMENT: Final = ENVIRONMENT.get_template("preview.html")
_STYLE: Final = stylesheet(TEMPLATES / "preview.css")
_QUESTION: Final = "(prefers-color-scheme: dark)"
_ANSWERS: Final[Mapping[Scheme, str]] = {"dark": "(min-width: 0px)", "light": "(max-width: 0px)"}
_BOTH: Final = 'content="light dark"'


@dataclass(frozen=True)
class Frame:
    """A document in a frame of its own: its HTML in `document`, or where it is, as `address`."""

    label: str
    document: str = ""
    address: str = ""
    width_px: int | None = None
    scheme: Scheme | None = None


@dataclass(frozen=True)
class Fault:
    """Why there is nothing to show: what happened, what to do, and the cell that failed."""

    what: str
    remedy: str
    source: str = ""

    @classmethod
    def of(cls, error: GridletterError) -> Fault:
        """Return what there is to say of `error`."""
        cell, executed = error.data.get("cell"), error.data.get("executed")
        source = ""
        if isinstance(cell, int) and isinstance(executed, NotebookNode):
            source = str(executed.cells[cell].source)
        return cls(error.what, error.remedy, source)


def fragment(made: Draft | Skipped | Fault, *, note: str = "", page_address: str = "") -> str:
    """Return `made` as HTML to stand in another page.

    Args:
        made: What came of the notebook.
        note: What else to say, above it.
        page_address: Where the page is served; empty to have it in the HTML itself.
    """
    context: dict[str, object]
    match made:
        case Draft():
            context = {"subject": made.issue.subject, "frames": list(_frames(made, page_address))}
        case Skipped():
            context = {"skipped": made.reason}
        case Fault():
            context = {"fault": made}
    # Whoever shows several of them, such as a notebook with two previews, needs names apart.
    name = f"gridletter-{uuid4().hex}"
    return _FRAGMENT.render(style=_STYLE, name=name, note=note, **context)


def mail_html(message: bytes) -> str:
    """Return the HTML of a mail with its images in place, as a mail program shows it."""
    parsed: EmailMessage = email.message_from_bytes(message, policy=email.policy.default)
    body = parsed.get_body(("html",))
    html = "" if body is None else str(body.get_content())
    for part in parsed.walk():
        if part["Content-ID"]:
            cid = str(part["Content-ID"]).strip("<>")
            html = html.replace(f'"cid:{cid}"', f'"{_data_url(part.get_content())}"')
    return html


def mail_text(message: bytes) -> str:
    """Return the plain alternative of a mail."""
    parsed: EmailMessage = email.message_from_bytes(message, policy=email.policy.default)
    body = parsed.get_body(("plain",))
    return "" if body is None else str(body.get_content())


def in_scheme(html: str, scheme: Scheme) -> str:
    """Return a mail's HTML as a reader sees it who has chosen `scheme`.

    A frame can't be told which scheme its reader prefers, so its styles are not asked.
    """
    return html.replace(_QUESTION, _ANSWERS[scheme]).replace(_BOTH, f'content="{scheme}"')


def _frames(draft: Draft, page_address: str) -> Iterator[Frame]:
    html = mail_html(draft.mail)
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for width in (DESK_PX, PHONE_PX):
        for scheme in schemes:
            shown = in_scheme(html, scheme)
            yield Frame(f"Mail, {width} px, {scheme}", shown, width_px=width, scheme=scheme)
    yield Frame("Mail as text", _preformatted(mail_text(draft.mail)), width_px=DESK_PX)
    if page_address:
        yield Frame("Page", address=page_address)
    else:
        yield Frame("Page", _self_contained(draft))


def _preformatted(text: str) -> str:
    return str(ENVIRONMENT.get_template("text.html").render(text=text))


def _self_contained(draft: Draft) -> str:
    """Return the page with its images in it; its links lead into the archive, which is not here."""
    page = draft.page.decode()
    for name, data in draft.rendering.files.items():
        if name.endswith(".png"):
            page = page.replace(f'"{name}"', f'"{_data_url(data)}"')
    return page


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"

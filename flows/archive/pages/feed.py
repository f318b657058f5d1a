"""The newest issues as an Atom feed (RFC 4287): of all, of a newsletter, of a zone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from lxml import etree

from flows.archive import paths
from flows.archive.index import TITLE
from flows.archive.pages.frame import ENVIRONMENT
from flows.archive.pages.xml import rfc3339
from flows.issue import inert

if TYPE_CHECKING:
    from flows.archive.card import Card
    from flows.archive.index import Scope

ATOM: Final = "http://www.w3.org/2005/Atom"

_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
# RFC 4287 wants a time of the last change, also of a feed that has had none.
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CONTENT: Final = ENVIRONMENT.get_template("entry.html")


def feed(scope: Scope, url: str) -> bytes:
    """Return a feed as UTF-8 XML: the newest issues that none has superseded, newest first.

    An entry's id follows from the issue's id alone, so that a reader shows a correction as a change
    to the entry that it has, and an issue once in whichever of the feeds.
    """
    folder = paths.scope_folder(scope.kind, scope.name)
    root = etree.Element(_atom("feed"), {_XML_LANG: "en"}, nsmap={None: ATOM})
    own = f"{url}{folder}{paths.FEED}"
    _add(root, "id", uuid.uuid5(uuid.NAMESPACE_URL, own).urn)
    _add(root, "title", TITLE if scope.kind == "all" else f"{scope.title} · {TITLE}")
    # Of all that there is: it does not go back when the newest one leaves the feed.
    _add(root, "updated", rfc3339(max((c.published for c in scope.latest), default=_NEVER)))
    _add(root, "link", rel="self", type="application/atom+xml", href=own)
    _add(root, "link", rel="alternate", type="text/html", href=f"{url}{folder}{paths.PAGE}")
    _add(etree.SubElement(root, _atom("author")), "name", TITLE)
    for card in scope.shown:
        _entry(root, card, url)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)


def _entry(root: etree._Element, card: Card, url: str) -> None:
    entry = etree.SubElement(root, _atom("entry"))
    _add(entry, "id", uuid.uuid5(uuid.NAMESPACE_OID, f"gridletter:{card.issue_id}").urn)
    _add(entry, "title", f"{card.headline} · {card.place}")
    if card.corrects is None:
        # When a corrected issue came out first is not known here; the element is optional.
        _add(entry, "published", rfc3339(card.published))
    _add(entry, "updated", rfc3339(card.published))
    _add(entry, "link", rel="alternate", type="text/html", href=f"{url}{card.path}/{paths.PAGE}")
    _add(entry, "category", term=card.newsletter, label=card.title)
    _add(entry, "category", term=card.zone.code, label=card.zone.name)
    _add(entry, "summary", card.lede or card.headline)
    _add(entry, "content", _CONTENT.render(card=card, folder=f"{url}{card.path}"), type="html")


def _add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> None:
    clean = {name: inert.line(value) for name, value in attributes.items()}
    etree.SubElement(parent, _atom(tag), clean).text = text and inert.block(text)


def _atom(tag: str) -> str:
    return f"{{{ATOM}}}{tag}"

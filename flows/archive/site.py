"""The archive's front page and Atom feed, made from issues alone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import etree

from flows.issue import inert, when
from flows.issue.identity import TEMPLATES
from flows.issue.templating import csp_hash, environment, stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.issue import Issue

ATOM: Final = "http://www.w3.org/2005/Atom"
TITLE: Final = "Gridletter"

_OWN_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = stylesheet(TEMPLATES / "base.css", _OWN_TEMPLATES / "index.css")
_INDEX = environment(_OWN_TEMPLATES).get_template("index.html")
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# RFC 4287 wants a time of the last change, also of a feed that has had none.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def index_page(issues: Sequence[Issue]) -> bytes:
    """Return the front page: the issues as cards in the order given, links relative.

    An issue that another one of `issues` supersedes has no card; the newer one links to it.
    """
    superseded = {issue.supersedes for issue in issues}
    return _INDEX.render(
        issues=[issue for issue in issues if issue.issue_id not in superseded],
        period=lambda issue: when.period(issue.start, issue.end, issue.zone.tz),
        published=lambda issue: when.stamp(issue.published, issue.zone.tz),
        style=_STYLE,
        style_hash=csp_hash(_STYLE),
    ).encode()


def feed(issues: Sequence[Issue], base_url: str) -> bytes:
    """Return the issues, in the order given, as an Atom feed (RFC 4287) of UTF-8 XML.

    Args:
        issues: An entry's id follows from the issue's id alone, so readers see each once.
        base_url: The archive's address, on which all links are built.
    """
    base = base_url.rstrip("/") + "/"
    root = etree.Element(_atom("feed"), {_XML_LANG: "en"}, nsmap={None: ATOM})
    _add(root, "id", uuid.uuid5(uuid.NAMESPACE_URL, base).urn)
    _add(root, "title", TITLE)
    _add(root, "updated", _rfc3339(max((i.published for i in issues), default=_NEVER)))
    _add(root, "link", rel="self", type="application/atom+xml", href=f"{base}feed.xml")
    _add(root, "link", rel="alternate", type="text/html", href=f"{base}index.html")
    author = etree.SubElement(root, _atom("author"))
    _add(author, "name", TITLE)
    for issue in issues:
        _entry(root, issue, f"{base}{issue.path}/index.html")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)


def _entry(root: etree._Element, issue: Issue, url: str) -> None:
    entry = etree.SubElement(root, _atom("entry"))
    _add(entry, "id", uuid.uuid5(uuid.NAMESPACE_OID, f"gridletter:{issue.issue_id}").urn)
    _add(entry, "title", issue.subject)
    _add(entry, "published", _rfc3339(issue.published))
    _add(entry, "updated", _rfc3339(issue.published))
    _add(entry, "link", rel="alternate", type="text/html", href=url)
    _add(entry, "category", term=issue.newsletter, label=issue.title)
    _add(entry, "category", term=issue.zone.code, label=issue.zone.name)
    _add(entry, "summary", issue.lede or issue.headline)


def _add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> None:
    clean = {name: inert.line(value) for name, value in attributes.items()}
    etree.SubElement(parent, _atom(tag), clean).text = text and inert.line(text)


def _atom(tag: str) -> str:
    return f"{{{ATOM}}}{tag}"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

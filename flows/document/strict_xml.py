"""Strict XML: no DTD, bounded size and depth, every fault with its line."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypedDict

from lxml import etree

from flows.errors import DocumentError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_XML_BYTES = 32 * 2**20
"""Longest market document that is read; a day of 4-second prices has about 4 MiB."""


class _Options(TypedDict):
    encoding: str
    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    huge_tree: bool
    remove_comments: bool
    remove_pis: bool


STRICT: Final[_Options] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""How lxml's parsers are set where they read what others sent."""

_LONGEST_FAULT = 300
_PROLOG_BYTES = 8192
_BLANK = b"\xef\xbb\xbf \t\r\n"
_REMEDY = "Have the sender publish the document again, or correct it at this place"


def fault(element: etree._Element, what: str) -> DocumentError:
    """Return the error that `what` is wrong with `element`, naming its line."""
    name, line = local(element), element.sourceline
    what = f"line {line}: <{name}> {one_line(what, _LONGEST_FAULT)}"
    return DocumentError(what, remedy=_REMEDY, line=line, element=name)


def parse(xml: bytes | str) -> etree._Element:
    """Return the root element of `xml`.

    IEC 62325 documents are UTF-8, so any declared encoding is overridden by that. A document type
    declaration is refused before the parser sees it, which rules out entities of every kind;
    libxml2 itself stops at 256 nested elements.

    Raises:
        DocumentError: not well-formed (a truncated document is not), too long, or with a DTD.

    """
    data = xml.encode("utf-8", "surrogatepass") if isinstance(xml, str) else xml
    if len(data) > MAX_XML_BYTES:
        what = f"the XML has {len(data):,} bytes, more than the {MAX_XML_BYTES:,} that are read"
        raise DocumentError(what, remedy="Split the document into shorter periods")
    if b"<!DOCTYPE" in data:
        what = "the XML has a document type declaration"
        raise DocumentError(what, remedy="Send it without <!DOCTYPE …>", element="!DOCTYPE")
    parser = etree.XMLParser(**STRICT)
    try:
        return etree.fromstring(data.lstrip(_BLANK), parser)
    except etree.XMLSyntaxError as error:
        what = f"not well-formed XML: {error.msg}"
        raise DocumentError(what, remedy=_REMEDY, line=error.lineno, element=None) from error


def root_name(xml: bytes) -> str | None:
    """Return the root element's name from the beginning of `xml`; None where it has none there."""
    if b"<!DOCTYPE" in xml:
        return None
    parser = etree.XMLPullParser(("start",), encoding="utf-8", resolve_entities=False)
    with suppress(etree.XMLSyntaxError):
        parser.feed(xml[:_PROLOG_BYTES].lstrip(_BLANK))
    return next((local(element) for _, element in parser.read_events()), None)


@lru_cache(maxsize=1024)
def local_name(tag: str) -> str:
    """Return `tag` without its namespace."""
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    """Return the namespace of `tag`, "" where it has none."""
    return tag.rpartition("}")[0][1:]


def local(element: etree._Element) -> str:
    """Return the element's name without namespace or prefix."""
    return local_name(str(element.tag))


def text_of(element: etree._Element) -> str:
    """Return the element's text without the white space around it; an error if there is none."""
    text = (element.text or "").strip()
    if not text:
        raise fault(element, "is empty")
    return text


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """Return the child elements called `name` in any namespace."""
    return list(element.iterchildren(f"{{*}}{name}"))


def child(element: etree._Element, name: str) -> etree._Element:
    """Return the only child called `name`; an error if there is none, or more than one."""
    found = children(element, name)
    if len(found) != 1:
        what = f"has no <{name}>" if not found else f"has {len(found)} <{name}>"
        raise fault(element, what)
    return found[0]


def leaves(element: etree._Element, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every element below that has no element in it, in document order."""
    for item in element:
        path = prefix + local(item)
        if len(item):
            yield from leaves(item, path + "/")
        else:
            yield path, (item.text or "").strip()

"""The mail's HTML and CSS against what mail programs support, by caniemail.com's data.

`support.json` is made by scripts/make_caniemail.py. A feature that some program does not show is
named, unless the mail reads as well without it; `GRACEFUL` says for which that was judged, and why.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import html as lxml_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DATA: Final = Path(__file__).with_name("support.json")
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_BLOCK: Final = re.compile(r"([^{}]*)\{([^{}]*)\}")
_AT: Final = re.compile(r"@([a-z-]+)")
_CONDITION: Final = re.compile(r"\(([a-z-]+)")
_PSEUDO: Final = re.compile(r"(?<!:):([a-z-]+)")
_FUNCTION: Final = re.compile(r"([a-z-]+)\(")
_UNIT: Final = re.compile(r"\d([a-z]+|%)")
_KEYWORD: Final = re.compile(r"!important|\binitial\b")

_ONLY_BETTER: Final = (
    "the rules for narrow screens and dark grounds; without them the mail is light, wide"
)
GRACEFUL: Final[Mapping[str, str]] = {
    "<style> element": _ONLY_BETTER,
    "@media": _ONLY_BETTER,
    "@media (prefers-color-scheme)": _ONLY_BETTER,
    "!important keyword": _ONLY_BETTER,
    "box-sizing": _ONLY_BETTER,
    "color-scheme CSS property": _ONLY_BETTER,
    "color-scheme meta tag": _ONLY_BETTER,
    "<body> element": "its ground stands on a table inside as well",
    "height property": "of the bar on top and of images, which have a height attribute beside it",
    "max-height property": "of the preheader, which display:none hides as well",
    "overflow": "the same",
    "overflow-wrap": "a word that is too long is cut or makes the mail wider",
    "table-layout": "the same",
    "white-space": "of plain text: a line that is too long makes the mail wider",
    "lang attribute": "a screen reader then takes the reader's own language",
    "role attribute": "a screen reader then tells of a layout table",
}
"""What some programs do not show, and why the mail reads as well without it."""


@dataclass(frozen=True)
class Feature:
    """Something of HTML or CSS, and the mail programs that do not show it."""

    title: str
    url: str
    clients: tuple[str, ...]


def unsupported(html: str) -> tuple[Feature, ...]:
    """Return what `html` uses that some program does not show, except for what is `GRACEFUL`."""
    return tuple(feature for feature in used(html) if feature.title not in GRACEFUL)


def used(html: str) -> tuple[Feature, ...]:
    """Return all that `html`, a mail's or a part of it, uses and some program does not show."""
    known = _known()
    found = {feature for mark in set(_marks(html)) for feature in known.get(mark, ())}
    return tuple(sorted(found, key=lambda feature: feature.title))


@cache
def _known() -> Mapping[tuple[str, str], list[Feature]]:
    """Return the features by what gives them away: kind and name; see `_marks`."""
    known: dict[tuple[str, str], list[Feature]] = {}
    for entry in json.loads(_DATA.read_text(encoding="utf-8"))["features"]:
        feature = Feature(entry["title"], entry["url"], tuple(entry["clients"]))
        for kind, name in entry["marks"]:
            known.setdefault((kind, name), []).append(feature)
    return known


def _marks(html: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of each element, attribute, property, value, unit … that is there."""
    whole = "<body" in html
    for element in (
        lxml_html.document_fromstring(html)
        if whole
        else lxml_html.fragment_fromstring(html, create_parent="div")
    ).iter():
        if not isinstance(element.tag, str):
            continue
        yield "element", element.tag
        for name, value in element.items():
            yield "attribute", name
            if name == "style":
                yield from _declarations(value)
            elif element.tag == "meta" and name == "name":
                yield "meta", value
        if element.tag == "style":
            yield from _rules(_COMMENT.sub("", element.text or ""))


def _rules(css: str) -> Iterator[tuple[str, str]]:
    for selector, declarations in _BLOCK.findall(css):
        yield from _declarations(declarations)
        yield from (("pseudo", name) for name in _PSEUDO.findall(selector.rpartition("{")[2]))
    yield from (("at", name) for name in _AT.findall(css))
    for rule in re.findall(r"@media([^{]*)", css):
        yield from (("at", name) for name in _CONDITION.findall(rule))


def _declarations(css: str) -> Iterator[tuple[str, str]]:
    for declaration in css.lower().split(";"):
        name, colon, value = (part.strip() for part in declaration.partition(":"))
        if not colon:
            continue
        yield "property", name
        yield "value", f"{name}:{value.removesuffix('!important').strip()}"
        yield from (("function", function) for function in _FUNCTION.findall(value))
        yield from (("unit", unit) for unit in _UNIT.findall(value))
        yield from (("keyword", keyword) for keyword in _KEYWORD.findall(value))

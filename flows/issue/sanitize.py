"""Markup that notebooks make, cut down to what is safe and looks at home on a page and in a mail.

pandas' `Styler.to_html` does not escape its cells and carries its colours in a `<style>` element,
so the order matters: css-inline moves the colours into style attributes, nh3 then keeps harmless
tags and declarations only, and what is left is laid out by our templates, whose rules come after.
"""

from __future__ import annotations

import re

import css_inline
import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from flows.errors import RenderError
from flows.issue import inert

_TAGS = {
    *("a", "b", "blockquote", "br", "caption", "code", "div", "em", "h2", "h3", "h4", "hr", "i"),
    *("li", "ol", "p", "pre", "small", "span", "strong", "sub", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"),
}
_ATTRIBUTES = {
    "*": {"style"},
    "a": {"href", "title"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_DROPPED_WITH_CONTENT = {"script", "style", "svg", "math", "template", "title", "iframe"}
_PROPERTIES = {
    *("background-color", "color", "font-style", "font-weight"),
    *("text-align", "text-decoration", "vertical-align"),
}
# A word, a number, a hash colour or a colour function: no url(), no expression(), no escape.
_WORD = r"(?:#[0-9a-fA-F]{3,8}|[\w.%+-]+|(?:rgb|hsl)a?\([\d\s.,%/+-]*\))"
_DECLARATION = re.compile(rf"\s*[a-z-]+\s*:\s*{_WORD}(?:\s+{_WORD})*\s*", re.ASCII)
_LONGEST_STYLE = 500


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)")
_WITHOUT_END = frozenset(
    {
        *("br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option", "p"),
        *("tbody", "td", "tfoot", "th", "thead", "tr", "wbr"),
    }
)
# Bounds that keep hostile HTML under a second: a parser's time grows with the square of the nesting
# and of a tag's attributes, the inliner's with rules times elements. libxml2 gives up at 256 deep.
_LONGEST = 1_000_000
_DEEPEST = 200
_MOST_WORDS_IN_TAG = 1_000
_MOST_MATCHES = 30_000_000


def _harmless(_tag: str, attribute: str, value: str) -> str | None:
    """Return an attribute's value, of a style only the declarations that are plain."""
    if attribute != "style":
        return value
    declarations = value[:_LONGEST_STYLE].split(";")
    return ";".join(d.strip() for d in declarations if _DECLARATION.fullmatch(d)) or None


_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False)
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    clean_content_tags=_DROPPED_WITH_CONTENT,
    attribute_filter=_harmless,
    filter_style_properties=_PROPERTIES,
    url_schemes={"https", "http", "mailto"},
    url_relative="deny",
)
# CommonMark with tables. Raw HTML stays text, images too: a chart comes from a cell, with alt text.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_SMALLER = {"h1": "h2", "h2": "h3", "h3": "h4", "h4": "h4", "h5": "h4", "h6": "h4"}


def fragment(html: str) -> Markup:
    """Return what a notebook's `text/html` output may show: text, tables, lists, plain colours.

    Raises:
        RenderError: over a million characters, nested more than 200 deep, or otherwise endless.
    """
    text = inert.block(html)
    if len(text) > _LONGEST or _is_costly(text):
        raise RenderError(
            "an HTML output is too long or nested too deeply to be shown",
            remedy="Show less of it, or show its rows with desk.table.",
        )
    if "<style" in text.lower():
        text = _INLINER.inline(text)
    return Markup(_CLEANER.clean(text).strip())  # noqa: S704 - nh3 has just made it safe


def _is_costly(html: str) -> bool:
    """Return whether parser or inliner would take long; what ends by itself does not nest."""
    tags = _TAG.findall(html)
    deepest = depth = words = 0
    for closing, name, attributes in tags:
        words = max(words, len(attributes.split()))
        if name.lower() not in _WITHOUT_END:
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
    matches = html.count("{") * len(tags)
    return deepest > _DEEPEST or words > _MOST_WORDS_IN_TAG or matches > _MOST_MATCHES


def markdown(source: str) -> Markup:
    """Return a markdown cell as HTML, its headings one level down: `h1` is the issue's headline."""
    tokens = _MARKDOWN.parse(inert.block(source))
    for token in tokens:
        token.tag = _SMALLER.get(token.tag, token.tag)
    rendered = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(_CLEANER.clean(rendered).strip())  # noqa: S704 - as above

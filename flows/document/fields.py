"""The fields of a document or a TimeSeries by path, checked when they are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flows.document.strict_xml import fault, leaves, local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

CODE = re.compile(r"[A-Z][0-9A-Z]{1,5}")
"""A code of an ENTSO-E code list, a currency, or a unit."""

EIC = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,16}[A-Z0-9])?")
"""An area: an Energy Identification Code, or one of the few national codes beside them."""

ANY = re.compile(r".+", re.DOTALL)
"""Any text, for a caller who checks it."""

MRID = re.compile(r"[!-~]{1,60}")
"""The id of a document or a resource."""


@dataclass(frozen=True, eq=False)
class Fields:
    """All that stands in `element` outside the children called `without`.

    A field's path is the names of the elements that it stands in, without namespaces, as in
    `MktPSRType/psrType`; one may come several times.
    """

    element: etree._Element
    without: frozenset[str]

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(path, text) of every field, in order."""
        return tuple(self._read())

    def _read(self) -> Iterator[tuple[str, str]]:
        for item in self.element:
            name = local(item)
            if name in self.without:
                continue
            if len(item):
                yield from leaves(item, name + "/")
            else:
                yield name, (item.text or "").strip()

    @cached_property
    def _first(self) -> dict[str, str]:
        return dict(reversed(self.pairs))

    def every(self, path: str) -> list[str]:
        """Return the different texts at `path`, in order."""
        return list(dict.fromkeys(text for at, text in self.pairs if at == path and text))

    def get(self, *paths: str, pattern: re.Pattern[str] = CODE) -> str | None:
        """Return the text at the first of `paths` that has one, None if none has.

        Raises:
            DocumentError: it is not of the form that `pattern` describes.

        """
        for path in paths:
            text = self._first.get(path)
            if text:
                if not pattern.fullmatch(text):
                    raise fault(self._at(path), f"is malformed: {text!r}")
                return text
        return None

    def need(self, path: str, pattern: re.Pattern[str] = CODE) -> str:
        """Return the text at `path`.

        Raises:
            DocumentError: there is none, or it is not of the form that `pattern` describes.

        """
        text = self.get(path, pattern=pattern)
        if text is None:
            raise fault(self.element, f"has no <{path}>")
        return text

    def ending(self, suffix: str) -> str | None:
        """Return the first path that ends with `suffix` in any case, None if none does."""
        return next((path for path, _ in self.pairs if path.lower().endswith(suffix)), None)

    def _at(self, path: str) -> etree._Element:
        name = path.partition("/")[0]
        return next((item for item in self.element if local(item) == name), self.element)

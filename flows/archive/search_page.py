"""The search page: a form, and a script of its own that finds issues newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flows.archive.index import TITLE
from flows.archive.pages.frame import ENVIRONMENT, About, render, stylesheet

if TYPE_CHECKING:
    from flows.archive.index import Scope

PAGE: Final = "search/index.html"

_STYLE: Final = stylesheet("cards.css", "search.css", "search-page.css")
_TEMPLATE: Final = ENVIRONMENT.get_template("search.html")
# This page alone runs anything: its script, and Pagefind, which is WebAssembly.
_POLICY: Final = "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; form-action 'self'"


def search_page(scope: Scope) -> bytes:
    """Return the page, which stands at `PAGE`; `scope` is all.

    It is no page for other sites to show, so it says nothing of where the archive is.
    """
    about = About(
        PAGE, f"Search · {TITLE}", "Search all issues by words, newsletter, zone and year."
    )
    years = sorted({month[:4] for month in scope.months}, reverse=True)
    return render(_TEMPLATE, _STYLE, about, "", _POLICY, scope=scope, years=years)

"""entsoe-py's tables of areas and codes, without its client.

`import entsoe` brings the client, and with it pandas, requests and BeautifulSoup: half a second and
50 MB, in a process that looks up a name. The tables are one module of it that needs none of them,
so that is loaded by itself.
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

_NAME = "mappings"


@cache
def tables() -> Any:  # noqa: ANN401 - a module's attributes are known by name alone
    """Return `entsoe.mappings`, as a module of our own.

    Raises:
        ImportError: entsoe-py is not installed, or has no such module.
    """
    package = find_spec("entsoe")
    folders = None if package is None else package.submodule_search_locations
    spec = None if folders is None else PathFinder.find_spec(_NAME, list(folders))
    if spec is None or spec.loader is None:
        message = "entsoe-py, or its module `mappings`, is not installed"
        raise ImportError(message, name=f"entsoe.{_NAME}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""The archive on the web, from a folder or a bucket: what stands at a path, and nothing else.

Paths are plain: what is hidden, climbs or is written in any other way is not there. A folder is its
`index.html`, and its address has a slash at the end. What an issue consists of is written once and
kept by browsers for good; pages around it are asked for again after a minute, by their ETag.

A document or a notebook is what somebody else wrote. Browsers run none of it, nor of a mail's HTML:
it is sandboxed, while the pages say themselves what they may load.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flows.archive.store_headers import cache_control, content_type
from flows.archive.store_paths import is_name

if TYPE_CHECKING:
    from starlette.requests import Request

    from flows.archive.store import Store

INDEX: Final = "index.html"

_ISSUES: Final = "issues/"

# A bucket that is slow keeps no push waiting, which has threads of its own.
_AT_WORK: Final = 16
_LONGEST_PATH: Final = 1024
_NOT_EMBEDDED: Final = "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
_INERT: Final = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
)
# Scripts and what they load: a worker would take the policy of its own file.
_PARTS_OF_PAGES: Final = frozenset({".css", ".js", ".wasm", ".png", ".ico"})


def routes(store: Store) -> list[Route]:
    """Return the route of everything that has none of its own; it must be the last one."""
    site = Site(store)
    return [Route("/{path:path}", site.page, methods=["GET"])]


class Site:
    """Serves what is in `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at_work = CapacityLimiter(_AT_WORK)

    async def page(self, request: Request) -> Response:
        """Return what stands at the path.

        Raises:
            HTTPException: 404, nothing does.
            StorageError: that can't be known just now.
        """
        path = request.path_params["path"]
        steps = path.removesuffix("/").split("/") if path else []
        if len(path) > _LONGEST_PATH or not all(map(is_name, steps)):
            raise _nothing()
        # Files have a dot in their name and folders have none, so one look tells what is there.
        name = path.rpartition("/")[2]
        is_file = "." in name
        stands_at = path if is_file else f"{path}/{INDEX}" if name else path + INDEX
        found = await self._get(stands_at)
        if found is None:
            raise _nothing()
        if name and not is_file:
            # Relative, so that it is right below any prefix that a proxy takes away.
            return RedirectResponse(f"{name}/", 308)
        return _answer(request, stands_at, found)

    async def _get(self, path: str) -> bytes | None:
        return await to_thread.run_sync(partial(self._store.get, path), limiter=self._at_work)


def _nothing() -> HTTPException:
    return HTTPException(404, "there is no such page")


def _answer(request: Request, path: str, data: bytes) -> Response:
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": cache_control(path),
        "Content-Security-Policy": _policy(path),
        "Content-Type": content_type(path),
        "ETag": etag,
        "Referrer-Policy": "strict-origin-when-cross-origin",
    }
    if _is_known(request.headers.getlist("if-none-match"), etag):
        del headers["Content-Type"]
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers)


def _is_known(tags: list[str], etag: str) -> bool:
    """Say whether a request has what is there already (RFC 9110, 13.1.2: weak comparison)."""
    given = [tag.strip().removeprefix("W/") for part in tags for tag in part.split(",")]
    return etag in given or "*" in given


def _policy(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    is_page = suffix == ".html" and (not path.startswith(_ISSUES) or path.endswith(f"/{INDEX}"))
    return _NOT_EMBEDDED if is_page or suffix in _PARTS_OF_PAGES else _INERT

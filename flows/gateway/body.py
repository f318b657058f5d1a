"""A request's body, bounded in size before it is in memory, and in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

# What is left of the body is not read, so the connection can serve no other request.
_CLOSE: Final = {"Connection": "close"}


async def read(request: Request, *, largest_bytes: int, seconds: float) -> bytes:
    """Return the whole body.

    Raises:
        HTTPException: 413 as soon as it has more than `largest_bytes`; 408 where it is not
            complete after `seconds`, or its sender went away.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest_bytes:
                    raise HTTPException(413, headers=_CLOSE)
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, headers=_CLOSE) from None
    return bytes(body)

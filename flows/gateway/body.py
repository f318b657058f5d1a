"""A request's body, bounded in size before it is in memory, in time and in slowness."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

    from flows.gateway.room import Hold

GRACE_SECONDS: Final = 5
"""How long a body may be slower than the least rate."""

LINGER_SECONDS: Final = 5
LINGER_BYTES: Final = 64 << 20

# What is left of the body is not read, so the connection can serve no other request.
CLOSE: Final = {"Connection": "close"}


async def read(
    request: Request,
    *,
    largest_bytes: int,
    seconds: float,
    least_bytes_per_second: int = 0,
    hold: Hold | None = None,
) -> bytes:
    """Return the whole body.

    Args:
        request: Its body is read as it comes, never ahead.
        largest_bytes: The largest body that is taken.
        seconds: The longest that it may take to come.
        least_bytes_per_second: It is cut off, too, where it is slower than that on the whole and
            `GRACE_SECONDS` have passed; 0 for any rate.
        hold: Counts the bytes while they come, where all bodies together are bounded.

    Raises:
        HTTPException: 413 where the length is announced as more than `largest_bytes`, or as soon
            as there is more; 408 where it comes too slowly, or its sender went away; 503 where
            `hold` has no room for more.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > largest_bytes:
        raise _too_large(largest_bytes)
    body = bytearray()
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(started + seconds) as cut_off:
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest_bytes:
                    raise _too_large(largest_bytes)
                if hold is not None:
                    hold.take(len(chunk))
                if least_bytes_per_second:
                    allowed = GRACE_SECONDS + len(body) / least_bytes_per_second
                    cut_off.reschedule(started + min(seconds, allowed))
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "the body did not come in time", CLOSE) from None
    return bytes(body)


async def linger(request: Request) -> None:
    """Let what is left of a refused body go by, for a moment, so that its sender sees the answer.

    Closing a connection on bytes that were not read resets it, and an answer just sent is lost.
    """
    if "expect" in request.headers:
        return  # its sender waits for the answer before it sends a body
    seen = 0
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(LINGER_SECONDS):
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > LINGER_BYTES:
                    break


def _too_large(largest_bytes: int) -> HTTPException:
    return HTTPException(413, f"the body has more than {largest_bytes:,} bytes", CLOSE)

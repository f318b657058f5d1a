"""What the stand-in for the Transparency Platform does when asked: the answer, and each fault."""

from __future__ import annotations

import gzip
import socket
import struct
from typing import TYPE_CHECKING

from platform_documents import NO_DATA, acknowledgement, installed_capacity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_standin import Asked, Handler, PlatformStandin


def _answer(handler: Handler, asked: Asked) -> None:
    platform, query = handler.server.platform, asked.query
    if query.get("securityToken") != platform.api_key:
        handler.send(401, acknowledgement("Authentication failed"))
    elif (query.get("documentType"), query.get("processType")) != ("A68", "A33"):
        handler.send(400, acknowledgement("The combination of types is not valid"))
    else:
        document = platform.body or _document(platform, query)
        handler.send(200, document or NO_DATA, content_type="text/xml;charset=UTF-8")


def _document(platform: PlatformStandin, query: Mapping[str, str]) -> bytes | None:
    """Return the capacities of the year that begins within a day of the asked period's start."""
    eic, begin = query.get("in_Domain", ""), query.get("periodStart", "")
    year = int(begin[:4]) + (begin[4:8] == "1231")
    values = platform.capacity_mw.get((eic, year))
    return None if values is None else installed_capacity(eic, {year: values}).encode()


def _status(status: int) -> Callable[[Handler, Asked], None]:
    def send(handler: Handler, asked: Asked) -> None:
        # Error pages of gateways like to repeat what was asked.
        page = f"<html><body>{status} for {asked.query.get('securityToken')}</body></html>"
        handler.send(status, page.encode(), content_type="text/html")

    return send


def _silent(handler: Handler, _asked: Asked) -> None:
    handler.server.platform.closing.wait()


def _slow_head(handler: Handler, _asked: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    handler.drip(b"x")


def _slow_body(handler: Handler, _asked: Asked) -> None:
    handler.send(200, b"<", length=1_000_000)
    handler.drip(b"x")


def _slow_body_of_no_length(handler: Handler, asked: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
    handler.wfile.write(_document(handler.server.platform, asked.query) or NO_DATA)
    handler.drip(b"\n")


def _truncated(handler: Handler, asked: Asked) -> None:
    document = _document(handler.server.platform, asked.query) or NO_DATA
    handler.send(200, document[: len(document) // 2], length=len(document))


def _cut_short(handler: Handler, asked: Asked) -> None:
    document = _document(handler.server.platform, asked.query) or NO_DATA
    handler.send(200, document[: document.index(b"</TimeSeries>") + 13])


def _reset(handler: Handler, _asked: Asked) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def _echo(handler: Handler, asked: Asked) -> None:
    handler.wfile.write(f"{asked.query.get('securityToken')} is no status line\r\n\r\n".encode())


def _redirect(handler: Handler, _asked: Asked) -> None:
    handler.send(302, b"", Location=f"http://127.0.0.1:1{handler.path}")


def _endless(handler: Handler, _asked: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
    while not handler.server.platform.closing.is_set():
        handler.wfile.write(b"<a>" * 20_000)


def _bomb(handler: Handler, _asked: Asked) -> None:
    body = gzip.compress(b" " * (64 << 20), 9)
    handler.send(200, body, Content_Encoding="gzip")


def _zipped(handler: Handler, asked: Asked) -> None:
    document = _document(handler.server.platform, asked.query) or NO_DATA
    handler.send(200, gzip.compress(document), Content_Encoding="gzip")


BEHAVIOURS: Mapping[str, Callable[[Handler, Asked], None]] = {
    "answer": _answer,
    "bomb": _bomb,
    "cut_short": _cut_short,
    "echo": _echo,
    "endless": _endless,
    "forbidden": _status(403),
    "hang_up": lambda _handler, _asked: None,
    "html": _status(200),
    "no_data_200": lambda handler, _asked: handler.send(200, NO_DATA),
    "no_data_400": lambda handler, _asked: handler.send(400, NO_DATA),
    "not_accepted_200": lambda handler, _asked: handler.send(200, acknowledgement("Not valid")),
    "not_accepted_400": lambda handler, _asked: handler.send(400, acknowledgement("Not valid")),
    "redirect": _redirect,
    "reset": _reset,
    "silent": _silent,
    "slow_body": _slow_body,
    "slow_body_of_no_length": _slow_body_of_no_length,
    "slow_head": _slow_head,
    "too_many_requests": _status(429),
    "truncated": _truncated,
    "unauthorized": _status(401),
    "unavailable": _status(503),
    "zipped": _zipped,
}

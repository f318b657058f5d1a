"""How the Transparency Platform is asked: bounded in time and size, the key on the wire alone.

entsoe-py asks through the `requests` session that it is given, so what it leaves open is settled
here, in one place that it documents:

- The key goes into the request line as that is written. Above the connection there is only a
  placeholder: in addresses, in the texts of errors, in the debug logs of urllib3 and entsoe-py.
- Time limits of `requests` hold for each read, so a server that sends a byte a second would never
  run into one. A timer shuts the socket down when the whole answer is due, wherever a read stands.
- `ENTSOE_ENDPOINT_URL` counts as it is when asked; entsoe-py reads it once, when imported.
- Only a sound market document comes through: entsoe-py takes a truncated one for a shorter one.
"""

from __future__ import annotations

import io
import os
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import requests
from entsoe.exceptions import NoMatchingDataError
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from flows.document.market import Acknowledgement, read
from flows.document.platform_errors import key_missing, unavailable
from flows.errors import DocumentError, SettingsError

if TYPE_CHECKING:
    from typing import Self

    from urllib3.connectionpool import ConnectionPool

KEY_PLACEHOLDER = "withheld-by-gridletter"
"""What entsoe-py is given as the key."""

MAX_ANSWER_BYTES = 4 * 2**20
"""Longest answer that is read; a year's capacities of one zone have about 20 kB."""

_ENDPOINT = "ENTSOE_ENDPOINT_URL"
_NO_DATA = "No matching data found"


class PlatformSession(requests.Session):
    """A session for one question by entsoe-py, whose client is given `KEY_PLACEHOLDER` as key."""

    def __init__(self, api_key: str, timeout_seconds: float) -> None:
        super().__init__()
        self._deadline = _Deadline(timeout_seconds)
        adapter = _Adapter(api_key, self._deadline)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def __enter__(self) -> Self:
        self._deadline.start()
        return self

    def close(self) -> None:
        """Close all connections and stop the clock."""
        super().close()
        self._deadline.stop()

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        *args: Any,  # noqa: ANN401 - passed on as they come
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> requests.Response:
        """Send the request, to the environment's endpoint rather than to `url`; return its answer.

        Raises:
            NoMatchingDataError: the platform has no such data.
            ReferenceUnavailable: no sound answer in time.
            SettingsError: the key is refused, or the endpoint is no web address.

        """
        endpoint = _endpoint(url)
        # Redirects are not followed: their address would repeat the key where it can be seen.
        # Reads have no limit of their own; the clock ends them.
        connecting_and_reading = (self._deadline.seconds, None)
        kwargs |= {"allow_redirects": False, "stream": True, "timeout": connecting_and_reading}
        reason = ""
        try:
            with super().request(method, endpoint, *args, **kwargs) as response:
                body: bytes = response.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
        except (OSError, HTTPError) as error:
            reason = _why(error)
        # Errors are raised out here, so that none holds another's text in its context.
        if self._deadline.passed:
            reason = f"no whole answer within {self._deadline.seconds:g} s"
        if reason:
            raise unavailable(reason)
        _check(response.status_code, body)
        response.raw = io.BytesIO(body)
        return response


def _endpoint(default: str | bytes) -> str | bytes:
    url = os.environ.get(_ENDPOINT)
    if not url:
        return default
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return url
    raise SettingsError(
        f"{_ENDPOINT} is no web address",
        remedy=f"Unset {_ENDPOINT}, or set it to the address of the platform's API",
        setting=_ENDPOINT,
    )


def _check(status: int, body: bytes) -> None:
    """Let through what is an answer of the platform with data."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise key_missing(f"the Transparency Platform refuses the key (HTTP {status})")
    if status not in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
        raise unavailable(f"HTTP {status}")
    if len(body) > MAX_ANSWER_BYTES:
        raise unavailable(f"its answer is longer than {MAX_ANSWER_BYTES:,} bytes")
    try:
        found = read(body)
    except DocumentError:
        found = None
    if found is None:
        raise unavailable(f"its answer is no sound market document (HTTP {status})")
    if found == () or (
        isinstance(found, Acknowledgement) and any(_NO_DATA in text for _, text in found.reasons)
    ):
        raise NoMatchingDataError
    if status != HTTPStatus.OK or isinstance(found, Acknowledgement):
        raise unavailable(f"it does not accept the question (HTTP {status})")


def _why(error: BaseException) -> str:
    """Return the system's word on what failed; libraries' texts may quote what the server sent."""
    name = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"{cause.strerror} ({name})"
        cause = cause.__cause__ or cause.__context__
    return f"the connection failed ({name})"


class _Deadline:
    """Shuts the watched sockets down when the time is up, which ends any read or handshake."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()
        while self._sockets:
            self._sockets.pop().close()

    def watch(self, connected: socket.socket) -> None:
        # A duplicate stays valid when TLS takes the socket over.
        self._sockets.append(connected.dup())
        if self.passed:
            self._cut()

    def _cut(self) -> None:
        self.passed = True
        for connected in tuple(self._sockets):
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)


class _Guarded(HTTPConnection):
    """A connection that is watched by the deadline and alone knows the key."""

    quoted_key: str
    deadline: _Deadline

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self.deadline.watch(connected)
        return connected

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they come
        super().putrequest(method, url.replace(KEY_PLACEHOLDER, self.quoted_key), *args, **kwargs)


class _Adapter(HTTPAdapter):
    """Makes every connection a guarded one, whether direct, by TLS or through a proxy."""

    def __init__(self, api_key: str, deadline: _Deadline) -> None:
        self._guard = {"quoted_key": quote(api_key, safe=""), "deadline": deadline}
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:  # noqa: ANN401 - passed on as they come
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if isinstance(pool, HTTPConnectionPool) and not issubclass(pool.ConnectionCls, _Guarded):
            pool.ConnectionCls = type("Guarded", (_Guarded, pool.ConnectionCls), self._guard)
        return pool

"""Refuses a notebook's sockets the network, and tells in the running cell's output who asked."""  # noqa: INP001 - Python imports it by this name alone

from __future__ import annotations

import socket
import sys

# Not socket.bind: libraries try it when they are imported, to learn what the system can do.
_WITH_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_BY_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
# As in `trial`, which this file can't import: it is loaded by a Python of whatever path.
_MARK = "asked for the network:"


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    # Python names what it is about to do (PEP 578); no hook can be taken away again.
    if event in _WITH_ADDRESS:
        asked, address = arguments[:2]
        if not isinstance(asked, socket.SocketType) or asked.family == socket.AF_UNIX:
            return
    elif event in _BY_NAME:
        address = arguments[0]
    else:
        return
    sys.stderr.write(f"{_MARK} {address!r}\n")
    raise PermissionError("a notebook is checked without a network")


sys.addaudithook(_refuse)

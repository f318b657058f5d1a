"""Lets no socket of this Python reach another host; put on the path where Linux can't do it."""  # noqa: INP001 - Python imports it by this name alone

from __future__ import annotations

import socket
import sys

_WITH_ADDRESS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"})
_BY_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    # Python names what it is about to do (PEP 578); no hook can be taken away again.
    if event in _WITH_ADDRESS:
        asked = arguments[0]
        if not isinstance(asked, socket.SocketType) or asked.family == socket.AF_UNIX:
            return
    elif event not in _BY_NAME:
        return
    raise PermissionError("a notebook is reproduced without a network")


sys.addaudithook(_refuse)

"""Runs a notebook's cells in this process, as a kernel does: its shell without its sockets.

The process is a fork of the zygote (see `zygote`) and serves one run. Its shell is ipykernel's, so
that displays, errors, magics and libraries that look for a notebook behave as under a kernel; what
a kernel would publish goes to the run's owner as messages of `wire`.
"""

from __future__ import annotations

import asyncio
import io
import os
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from ipykernel import zmqshell
from ipykernel.compiler import XCachingCompiler
from IPython.core.error import UsageError
from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from traitlets.config import Config

from flows.notebook import wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from flows.notebook.wire import Message

_FLUSH_CHARACTERS: Final = 8_192


class _Outlet:
    """Sends messages, each as a whole, from any thread of this process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pid = os.getpid()
        self._lock = threading.RLock()

    @property
    def is_ours(self) -> bool:
        """False in a process that the notebook forked: it has no say in the run's messages."""
        return os.getpid() == self._pid

    def send(self, kind: str, content: Mapping[str, Any]) -> None:
        """Send what a kernel would publish as `kind`, after all that was printed before."""
        if not self.is_ours:
            return
        data = wire.pack({"kind": kind, "content": content}, json_default)
        with self._lock:
            self._connection.sendall(data)


class _Stream(io.TextIOBase):
    """Standard output or error of the cells; `fileno` is that of what they start."""

    encoding = "UTF-8"
    errors = "replace"

    def __init__(self, name: str, descriptor: int, outlet: _Outlet) -> None:
        super().__init__()
        self.name = name
        self._descriptor = descriptor
        self._outlet = outlet
        self._lock = threading.RLock()
        self._pieces: list[str] = []
        self._waiting = 0

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        """Take `text`; it is sent with the end of its line, or with what is shown next."""
        if not isinstance(text, str):
            message = f"write() argument must be str, not {type(text).__name__}"
            raise TypeError(message)
        if not self._outlet.is_ours:
            os.write(self._descriptor, text.encode(errors="replace"))
            return len(text)
        with self._lock:
            self._pieces.append(text)
            self._waiting += len(text)
            if "\n" in text or self._waiting > _FLUSH_CHARACTERS:
                self.flush()
        return len(text)

    def flush(self) -> None:
        if not self._outlet.is_ours:
            return
        with self._lock:
            text, self._pieces, self._waiting = "".join(self._pieces), [], 0
            if text:
                self._outlet.send("stream", {"name": self.name, "text": text})


class _Session(Session):
    """Takes what a kernel's shell publishes, and hands it to the outlet."""

    outlet: _Outlet

    def send(
        self,
        stream: object,  # noqa: ARG002 - ipykernel's signature
        msg_or_type: str | Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        *_: object,
        **__: object,
    ) -> None:
        """Send a message, given as a whole or by its type and content."""
        if isinstance(msg_or_type, str):
            self.outlet.send(msg_or_type, content or {})
        else:
            self.outlet.send(msg_or_type["msg_type"], msg_or_type["content"])


class ZMQInteractiveShell(zmqshell.ZMQInteractiveShell):
    """ipykernel's shell where no kernel is around it, by the name that libraries know it by."""

    exit_asked = False

    def ask_exit(self) -> None:
        """Take note that a cell called `exit`, which fails the run."""
        self.exit_asked = True

    def showtraceback(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - IPython's
        """Report an error, with the memory that is kept for it: there may be no other left."""
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        super().showtraceback(*arguments, **options)

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept that charts are shown inline; there is no window to show them in.

        Raises:
            UsageError: a window is asked for.
        """
        if gui not in {None, "inline"}:
            message = f"there is no screen for the event loop {gui!r}"
            raise UsageError(message)


def serve(connection: socket.socket) -> None:
    """Run the cells that come by `connection`, one after another, until its other end is closed."""
    outlet = _Outlet(connection)
    sys.stdout = _Stream("stdout", 1, outlet)
    sys.stderr = _Stream("stderr", 2, outlet)
    shell = _new_shell(outlet)
    outlet.send("ready", {})
    # As in a kernel an event loop is running: cells may await, and their tasks go on meanwhile.
    asyncio.run(_serve(connection, shell, outlet))


def _new_shell(outlet: _Outlet) -> ZMQInteractiveShell:
    session = _Session()
    session.outlet = outlet
    settings = Config()
    settings.HistoryManager.enabled = False
    shell: ZMQInteractiveShell = ZMQInteractiveShell.instance(
        config=settings, user_ns={}, compiler_class=XCachingCompiler
    )
    for publisher in (shell.displayhook, shell.display_pub):
        publisher.set_trait("session", session)
    return shell


async def _serve(connection: socket.socket, shell: ZMQInteractiveShell, outlet: _Outlet) -> None:
    loop = asyncio.get_running_loop()
    while True:
        readable = loop.create_future()
        loop.add_reader(connection, readable.set_result, None)
        await readable
        loop.remove_reader(connection)
        message = wire.receive(connection)
        if message is None:
            return
        outlet.send("execute_input", {"execution_count": shell.execution_count})
        reply = await _execute(shell, message["source"])
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        outlet.send("execute_reply", reply)


async def _execute(shell: ZMQInteractiveShell, source: str) -> Message:
    """Run one cell as ipykernel does (`IPythonKernel.do_execute`), and return its reply."""
    try:
        transformed, failed = shell.transform_cell(source), None  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - whatever a transformer raises is the cell's error, below
        transformed, failed = source, sys.exc_info()
    known = {"transformed_cell": transformed, "preprocessing_exc_tuple": failed}
    if shell.should_run_async(source, **known):
        result = None
        try:
            result = await shell.run_cell_async(source, store_history=True, **known)
        finally:
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", result)
    else:
        result = shell.run_cell(source, store_history=True)  # type: ignore[no-untyped-call]
    payload = [{"source": "ask_exit"}] if shell.exit_asked else []
    if result.success and not shell._last_traceback_during_displayhook:  # noqa: SLF001 - as it does
        return {"status": "ok", "payload": payload}
    error = result.error_before_exec or result.error_in_exec
    return {
        "status": "error",
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": [],
        "payload": payload,
    }

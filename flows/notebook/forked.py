"""A notebook's process as a fork of the zygote, and what nbclient takes for the client to it.

`Forked` is to the engine what `kernel.Kernel` is: started, ended, and asked how it ended. Messages
come from the shell in it (see `shell`), and from the pipes that are its standard output and error,
which also what it starts may write to.
"""

from __future__ import annotations

import asyncio
import codecs
import itertools
import json
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from flows.notebook import environment, wire
from flows.notebook.nursery import request_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.notebook.nursery import Link
    from flows.notebook.wire import Message

_PIECE_BYTES: Final = 1 << 18


class _Channel:
    """One of a kernel's channels, as nbclient reads it."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Message | RuntimeError] = asyncio.Queue()

    def put(self, message: Message | RuntimeError) -> None:
        self._messages.put_nowait(message)

    async def get_msg(self, timeout: float | None = None) -> Message:  # noqa: ARG002, ASYNC109 - nbclient's
        message = await self._messages.get()
        if isinstance(message, RuntimeError):
            raise message
        return message


class Forked:
    """One forked process for one notebook, and the client to it.

    `memory_bytes` bounds its address space. A message from it that is larger than
    `largest_message_bytes` is not taken: `on_flood` is called instead.
    """

    def __init__(
        self,
        notebook: Path,
        folder: Path,
        *,
        memory_bytes: int,
        largest_message_bytes: int,
        on_flood: Callable[[], None],
    ) -> None:
        """Prepare the run; nothing is started yet."""
        self._folder = folder / "work"
        self._environment = environment.own(notebook, folder)
        self._memory_bytes = memory_bytes
        self._on_flood = on_flood
        self._unpacker = wire.Unpacker(largest_message_bytes)
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
        }
        # Between the loop's thread and one that ends the run.
        self._lock = threading.Lock()
        self._is_unwanted = False
        self._link: Link | None = None
        self._exit_status: int | None = None

        self._ready: asyncio.Future[None]
        self.is_gone = False
        self._requests = 0
        self._errors: list[str] = []
        self.iopub_channel = _Channel()
        self.shell_channel = _Channel()

    async def start(self) -> Forked:
        """Start the process and return this, the client to it, once it answers.

        Raises:
            RuntimeError: it ended before it answered.
        """
        self._folder.mkdir()
        try:
            await self._open()
        except RuntimeError:
            if self._is_unwanted or self._exit_status is not None:
                raise
            await self._open()  # the zygote had died; this is by a new one
        return self

    async def _open(self) -> None:
        request = {
            "environment": self._environment,
            "folder": str(self._folder),
            "memory_bytes": self._memory_bytes,
        }
        loop = asyncio.get_running_loop()
        self._ready, self.is_gone = loop.create_future(), False
        with self._lock:
            if self._is_unwanted:
                message = "ended before it was started"
                raise RuntimeError(message)
            self._link = link = request_run(json.dumps(request).encode())
        loop.add_reader(link.run, self._take_messages, link)
        loop.add_reader(link.status, self._lose, link)
        for name, descriptor in link.outputs.items():
            loop.add_reader(descriptor, self._take_output, name, descriptor)
        try:
            await self._ready
        except RuntimeError:
            await self._close_link()
            raise

    def end(self) -> None:
        """Kill the process and all that it started; from any thread, at any time, also twice.

        When this returns, nothing of it is left.
        """
        with self._lock:
            self._is_unwanted = True
            self._wait()

    async def close(self) -> None:
        """End the process and close every connection to it."""
        self.end()
        await self._close_link()

    @property
    def exit_status(self) -> int | None:
        """How the process ended; 128 and the number of the signal if one killed it.

        None while it lives, and where nobody knows because the zygote was killed.
        """
        if not self.is_gone:
            return None
        with self._lock:
            self._wait()
            return self._exit_status

    @property
    def last_words(self) -> str:
        """The last line that was written to standard error before the process answered."""
        lines = "".join(self._errors).splitlines()
        return next((line for line in reversed(lines) if line.strip()), "")

    async def is_flooded(self) -> bool:
        """Whether a message was too large; `on_flood` was called at once."""
        return False

    # What follows is the client's side, as nbclient calls it.

    def is_alive(self) -> bool:
        """Whether the process can answer."""
        return not self.is_gone

    async def execute(self, source: str, **_: object) -> int:
        """Have one cell run; return the number by which messages refer to it."""
        self._requests += 1
        link = self._link
        if link is not None:
            with suppress(OSError):  # it is gone, as reading will say
                await asyncio.get_running_loop().sock_sendall(
                    link.run, wire.pack({"source": source})
                )
        return self._requests

    def _take_messages(self, link: Link) -> bool:
        """Take what came from the shell; False if there is no more."""
        try:
            data = link.run.recv(_PIECE_BYTES)
            # Lines that come at once are one output.
            for _, alike in itertools.groupby(self._unpacker.feed(data), _stream_name):
                self._take(list(alike))
        except BlockingIOError:
            return False
        except (wire.TooLarge, OSError) as error:
            asyncio.get_running_loop().remove_reader(link.run)
            if isinstance(error, wire.TooLarge):
                self._on_flood()
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(link.run)
        return bool(data)

    def _take(self, alike: list[Message]) -> None:
        first = alike[0]
        match first["kind"]:
            case "ready":
                self._ready.set_result(None)
            case "stream":
                text = "".join(message["content"]["text"] for message in alike)
                self._publish("stream", {**first["content"], "text": text})
            case "execute_reply":
                self._drain_outputs()
                self.shell_channel.put(self._as_kernels(first["kind"], first["content"]))
                self._publish("status", {"execution_state": "idle"})
            case _:
                for message in alike:
                    self._publish(message["kind"], message["content"])

    def _take_output(self, name: str, descriptor: int) -> bool:
        """Take what was written to a descriptor, not by `sys.stdout`; False if there is no more."""
        try:
            data = os.read(descriptor, _PIECE_BYTES)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(descriptor)
            return False
        text = self._decoders[name].decode(data)
        if not self._ready.done():
            self._errors.append(text)
        elif text:
            self._publish("stream", {"name": name, "text": text})
        return True

    def _drain_outputs(self) -> None:
        """Take what the cell that has ended left in the pipes."""
        if self._link is not None:
            for name, descriptor in self._link.outputs.items():
                self._take_output(name, descriptor)

    def _publish(self, kind: str, content: Message) -> None:
        self.iopub_channel.put(self._as_kernels(kind, content))

    def _as_kernels(self, kind: str, content: Message) -> Message:
        """Return a message as a kernel sends it about the cell that it runs."""
        return {
            "header": {"msg_type": kind},
            "msg_type": kind,
            "parent_header": {"msg_id": self._requests},
            "content": content,
            "buffers": [],
        }

    def _lose(self, link: Link) -> None:
        """Take note that nothing is left of the run: whoever waits for it learns it now."""
        while self._take_messages(link):
            pass
        for descriptor in (link.run.fileno(), link.status):
            asyncio.get_running_loop().remove_reader(descriptor)
        self.is_gone = True
        error = RuntimeError("the notebook's process ended")
        if self._ready.done():
            self.shell_channel.put(error)
            return
        self._drain_outputs()
        if self.exit_status is None:
            self._errors.append(link.zygote.last_words)
        self._ready.set_exception(error)

    def _wait(self) -> None:
        """End the run and wait until nothing is left of it; call it with `_lock` held."""
        if self._link is not None:
            self._exit_status = self._link.end()

    async def _close_link(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            for descriptor in (link.run.fileno(), link.status, *link.outputs.values()):
                loop.remove_reader(descriptor)
            link.close()


def _stream_name(message: Message) -> tuple[str, str | None]:
    is_stream = message["kind"] == "stream"
    return message["kind"], message["content"]["name"] if is_stream else None

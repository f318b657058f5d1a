"""The papermill engine `gridletter`: papermill's own run of the cells, within limits.

papermill's default engine bounds a cell, not a run, keeps whatever a notebook prints, takes
`sys.exit(0)` for success and leaves behind what a notebook started. This one runs the same client
and ends the notebook's process with all that it started (see `supervisor`) when a cell fails, when
the deadline of the whole run passes, when the outputs exceed their bound, and when this process is
interrupted.

The process is a fork of one that has imported the notebooks' libraries (see `nursery`). It is a
kernel of this Python (see `kernel`) where there is no fork to be had, and for a notebook whose
kernelspec has a name of its own.

The engine registers itself when this module is imported: an entry point would be loaded by every
`import papermill` of the environment, and would break it wherever this package is half installed.
"""

from __future__ import annotations

import asyncio
import json
import math
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from flows.errors import NotebookError
from flows.notebook import causes, nursery
from flows.notebook.forked import Forked
from flows.notebook.limits import MB
from flows.notebook.parts import MIME

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_client.client import KernelClient
    from nbformat import NotebookNode
    from papermill.engines import NotebookExecutionManager

    from flows.notebook.causes import Cause
    from flows.notebook.kernel import Kernel
    from flows.notebook.limits import Limits

NAME: Final = "gridletter"
SKIP: Final = "SkipIssue"
"""Class name of the exception by which `desk.skip` ends a notebook."""

# Messages of a kernel that a notebook's code causes, in contrast to its state and its input.
_OUTPUTS = frozenset(
    {"stream", "display_data", "update_display_data", "execute_result", "error", "comm_msg"}
)
# What a message weighs beside its content, on the wire as well as here.
_ENVELOPE_BYTES = 1_000
# What Jupyter names the kernel of the Python that it runs in.
_ANY_PYTHON = "python3"


@dataclass(frozen=True)
class Run:
    """What the engine is told about one run beside the notebook itself."""

    newsletter: str
    path: Path
    """The notebook's file, for `desk`."""
    folder: Path
    """An empty folder for this run alone: working directory, temporary files, connection."""
    limits: Limits


class _Client(PapermillNotebookClient):
    """papermill's client, stopped by the first thing that is not as it should be."""

    def __init__(self, nb_man: NotebookExecutionManager, run: Run) -> None:
        longest = max((len(cell.source) for cell in nb_man.nb.cells), default=0)
        self._kernel = _kernel_of(nb_man.nb)(
            run.path,
            run.folder,
            memory_bytes=run.limits.memory_mb * MB,
            # A kernel also publishes each cell's source, as JSON in UTF-8.
            largest_message_bytes=run.limits.output_mb * MB + 4 * longest,
            on_flood=self._stop_flood,
        )
        super().__init__(  # type: ignore[no-untyped-call]
            nb_man,
            iopub_timeout=math.ceil(run.limits.deadline_seconds),
            force_raise_errors=True,  # a cell tagged `raises-exception` fails the run as well
            coalesce_streams=True,  # how a stream is cut into messages differs from run to run
            record_timing=False,
            store_widget_state=False,
            on_cell_executed=_refuse_exit,
        )
        self._run = run
        self._cell: int | None = None
        self._output_bytes = 0
        self._limit_passed: Cause | None = None

    def execute(self, **_: object) -> NotebookNode:
        """Run the cells in a thread, and watch the clock in this one.

        The thread has an event loop and a context of its own, whatever this one has; an interrupt
        of this one ends the kernel, and with it the thread.

        Raises:
            NotebookError: the notebook did not run to its end.
        """
        self.reset_execution_trackers()
        seconds = self._run.limits.deadline_seconds
        with ThreadPoolExecutor(1, thread_name_prefix=self._run.newsletter) as pool:
            cells = pool.submit(asyncio.run, self._run_cells())
            try:
                if not wait([cells], timeout=seconds).done:
                    self._stop(causes.deadline_passed(seconds))
            finally:
                self._kernel.end()
        if self._limit_passed:  # whatever else broke when the kernel was ended for it
            raise self._failure(self._limit_passed)
        cells.result()
        return self.nb

    async def _run_cells(self) -> None:
        try:
            self.kc = cast("KernelClient", await self._kernel.start())
            for index, cell in enumerate(self.nb.cells):
                self._cell = index
                self.nb_man.cell_start(cell, index)
                await self.async_execute_cell(cell, index)
                self.nb_man.cell_complete(cell, index)
            if await self._kernel.is_flooded():  # a message is lost
                self._stop_flood()
        except CellExecutionError as error:
            if error.ename == SKIP and self._drop_skip():
                return
            cause = causes.raised(error.ename, error.evalue, self._run.limits.memory_mb)
            # Its text repeats all that the cell printed.
            raise self._failure(cause) from None
        except Exception as error:
            raise self._failure(self._kernel_failure(error)) from error
        finally:
            await self._kernel.close()

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Take one message of the kernel, unless the outputs pass their limit with it."""
        if msg["msg_type"] in _OUTPUTS:
            content = json.dumps(msg["content"], ensure_ascii=False)
            self._output_bytes += _ENVELOPE_BYTES + len(content.encode(errors="surrogatepass"))
            if self._output_bytes > self._run.limits.output_mb * MB:
                self._stop_flood()
                return None
        output: NotebookNode | None = super().process_message(  # type: ignore[no-untyped-call]
            msg, cell, cell_index
        )
        return output

    def _stop_flood(self) -> None:
        self._stop(causes.printed_too_much(self._run.limits.output_mb))

    def _stop(self, cause: Cause) -> None:
        """End the kernel for `cause`; the cell that runs then fails by the kernel's death."""
        self._limit_passed = self._limit_passed or cause
        self._kernel.end()

    def _drop_skip(self) -> bool:
        """Take the exception of `desk.skip` off the outputs; False if it left no reason there."""
        outputs = self.nb.cells[self._cell].outputs
        outputs[:] = [output for output in outputs if output.output_type != "error"]
        return any(MIME in output.get("data", {}) for output in outputs)

    def _kernel_failure(self, error: Exception) -> Cause:
        if self._cell is None and self._kernel.is_gone:
            return causes.not_started(self._kernel.last_words)
        status = self._kernel.exit_status
        if status is None:
            return causes.lost(error)
        return causes.kernel_ended(status, self._run.limits.memory_mb)

    def _failure(self, cause: Cause) -> NotebookError:
        where = (
            self._run.newsletter
            if self._cell is None
            else f"{self._run.newsletter}, cell {self._cell}"
        )
        return NotebookError(
            f"{where}: {cause.text}",
            remedy=cause.remedy,
            newsletter=self._run.newsletter,
            cell=self._cell,
            ename=cause.ename,
            evalue=cause.evalue,
            executed=self.nb,
        )


def _refuse_exit(*, execute_reply: dict[str, Any], **_: object) -> None:
    """Fail a cell that called IPython's `exit`: the kernel says that all is well, and ends."""
    payload = execute_reply["content"].get("payload", ())
    if any(item.get("source") == "ask_exit" for item in payload):
        raise CellExecutionError(traceback="", ename="SystemExit", evalue="")


def _kernel_of(notebook: NotebookNode) -> type[Forked | Kernel]:
    """Return what runs the cells of `notebook`."""
    name = notebook.metadata.get("kernelspec", {}).get("name", _ANY_PYTHON)
    if nursery.AVAILABLE and name == _ANY_PYTHON:
        return Forked
    from flows.notebook.kernel import Kernel  # noqa: PLC0415 - slow, and rarely needed

    return Kernel


class GridletterEngine(Engine):
    """Runs a notebook's cells as `Run` says, always by this Python."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,  # noqa: ARG003 - papermill's signature
        **kwargs: Any,  # noqa: ANN401 - papermill's own and, as `run`, what `Run` holds
    ) -> NotebookNode:
        """Run the cells.

        Raises:
            NotebookError: the notebook did not run to its end.
        """
        return _Client(nb_man, kwargs["run"]).execute()


papermill_engines.register(NAME, GridletterEngine)  # type: ignore[no-untyped-call]

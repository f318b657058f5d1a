"""Why a notebook did not run to its end, in the words that an operator reads."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from flows.errors import one_line

_LONGEST_TEXT = 300
_SIGNALLED = 128


@dataclass(frozen=True)
class Cause:
    """What happened, and what to do about it; `ename` and `evalue` where Python raised it."""

    text: str
    remedy: str
    ename: str = ""
    evalue: str = ""


def deadline_passed(seconds: float) -> Cause:
    """The whole run took longer than it may."""
    return Cause(
        f"deadline of {seconds:g} s passed",
        "Make the notebook faster, or raise GRIDLETTER_NOTEBOOK_DEADLINE_SECONDS.",
    )


def printed_too_much(limit_mb: int) -> Cause:
    """The cells printed and showed more than they may."""
    return Cause(
        f"printed more than {limit_mb} MB",
        "Print and show less, or raise GRIDLETTER_NOTEBOOK_OUTPUT_MB.",
    )


def raised(ename: str, evalue: str, memory_mb: int) -> Cause:
    """A cell raised the exception of class `ename`."""
    if ename.endswith("MemoryError"):  # also NumPy's _ArrayMemoryError, Arrow's ArrowMemoryError
        text = f"ran out of memory ({memory_mb} MB)"
        remedy = "Load less at once, or raise GRIDLETTER_NOTEBOOK_MEMORY_MB."
    elif ename == "SystemExit":
        text = f"called sys.exit({evalue})"
        remedy = "End a notebook that has nothing to tell with desk.skip(reason)."
    else:
        text = f"raised {ename}: {evalue}" if evalue else f"raised {ename}"
        remedy = "Open the notebook in JupyterLab with this document and run it to that cell."
    return Cause(one_line(text, _LONGEST_TEXT), remedy, ename, evalue)


def kernel_ended(exit_status: int, memory_mb: int) -> Cause:
    """The kernel's process ended in the midst of a cell; `exit_status` is as shells have it."""
    if exit_status > _SIGNALLED:
        text = f"killed its kernel ({_signal_name(exit_status - _SIGNALLED)})"
    else:
        text = f"ended its kernel (exit status {exit_status})"
    return Cause(
        text,
        "Look for what ends the process in that cell; if memory may be short, raise "
        f"GRIDLETTER_NOTEBOOK_MEMORY_MB ({memory_mb} now).",
    )


def not_started(reason: str) -> Cause:
    """The kernel came to no cell; `reason` is what it said last."""
    return Cause(
        one_line(f"its kernel did not start: {reason or 'it said nothing'}", _LONGEST_TEXT),
        "`gridletter doctor` says what this environment lacks.",
    )


def lost(error: Exception) -> Cause:
    """The connection to a living kernel failed."""
    return Cause(
        one_line(f"its kernel was lost: {error}", _LONGEST_TEXT),
        "Publish it again; if it comes back, report it with this line.",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"

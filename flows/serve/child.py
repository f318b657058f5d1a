"""What each process of `serve` does first: it ends with its parent, and says when it is ready.

    python -m flows.serve.child ROLE JSON

`JSON` is a `Child` as its parent has it. Whatever kills the parent closes its end of a pipe; the
child sees that and ends itself, politely first.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from flows.errors import GridletterError
from flows.serve import shared

POLITE_SECONDS: Final = 45
_ORPHAN_SECONDS: Final = 20
WRONG_SETTINGS: Final = 78  # EX_CONFIG of sysexits.h: starting again can't help
READY: Final = b"ready\n"
_FAILED: Final = 1


@dataclass(frozen=True)
class Child:
    """What a process is told: who it is, and the file descriptors that it was born with.

    `lifeline` can be read once the parent is gone; `report` is written to once the process is
    ready; `listening` is a socket that the parent keeps open while processes come and go; `bell` is
    their end of a `Bell`. One that `is_last` is ended after all others, which need it to end well.
    The deployer is told what to `expect`.
    """

    role: str
    name: str
    metrics: str
    lifeline: int = -1
    report: int = -1
    listening: int = -1
    bell: int = -1
    is_last: bool = False
    expect: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return the command line that `main` reads."""
        told = json.dumps(asdict(self))
        return [sys.executable, "-m", "flows.serve.child", told]

    def ready(self) -> None:
        """Tell the parent that the process does its work now."""
        os.write(self.report, READY)
        os.close(self.report)


def main() -> int:
    """Run the role that the command line names; return the exit code."""
    child = Child(**json.loads(sys.argv[1]))
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    _log_to_terminal(child.name)
    shared.share(Path(child.metrics), child.name)
    try:
        importlib.import_module(f"flows.serve.{child.role}").run(child)
    except GridletterError as error:
        print(f"gridletter: {child.name}: {error}", file=sys.stderr)  # noqa: T201 — a command prints
        return _FAILED if error.retryable else WRONG_SETTINGS
    return 0


def _log_to_terminal(name: str) -> None:
    """Show what our own code logs: Prefect's log is in its API, and uvicorn sees to its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(asctime)s {name}: %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("flows")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _end_with_parent(child: Child) -> None:
    """Wait for the parent's end; then end this process, politely first."""
    os.read(child.lifeline, 1)
    if child.is_last:
        time.sleep(_ORPHAN_SECONDS / 2)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHAN_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

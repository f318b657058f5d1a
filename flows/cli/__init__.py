"""The `gridletter` command: exit code 0 where all was done, 1 where not, 2 for wrong usage.

A module here holds one command or group; importing it adds it to the application. What a command
needs beside typer and the settings it imports when it is called: `--help` answers at once.
"""

from __future__ import annotations

import signal
import sys

from flows import startup
from flows.cli import (
    backfill,
    check,
    deploy,
    doctor,
    emit,
    new,
    preview,
    publish,
    reproduce,
    rerender,
    serve,
    site,
    subscribers,
)
from flows.cli.app import app
from flows.errors import GridletterError

__all__ = [
    "app",
    "backfill",
    "check",
    "command",
    "deploy",
    "doctor",
    "emit",
    "main",
    "new",
    "preview",
    "publish",
    "reproduce",
    "rerender",
    "serve",
    "site",
    "subscribers",
]


def command() -> None:
    """Be the process of the command: `main`, and an end without delay."""
    startup.end_at_once(main)


def main() -> None:
    """Run the command; a known error becomes one line on stderr and exit code 1.

    SIGTERM ends it as an interrupt does: mails under way are finished, and nothing is left behind.
    """
    startup.hasten()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except GridletterError as error:
        print(f"gridletter: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("gridletter: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)

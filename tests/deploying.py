"""The commands `deploy` and `emit` in a test's own process, and what came of them in Prefect."""

from __future__ import annotations

import json
from typing import Any

import httpx
from typer.testing import CliRunner

from flows.cli import deploy, emit
from flows.cli.app import app
from flows.errors import GridletterError

__all__ = ["actions", "deploy", "emit", "run", "runs_of"]


def run(*arguments: str, code: int = 0) -> str:
    """Run the command; return what it printed, or the error that it ended with.

    What `deploy` asks of the notebooks first takes its time, and has tests of its own.
    """
    given = [*arguments, "--skip-check"] if arguments[0] == "deploy" else arguments
    result = CliRunner().invoke(app, given)
    assert result.exit_code == code, result.output + repr(result.exception)
    known = isinstance(result.exception, GridletterError)
    return str(result.exception) if known else result.output


def actions(printed: str) -> dict[str, str]:
    """Return what became of each thing, of the lines that --json prints."""
    changes = [json.loads(line) for line in printed.splitlines()]
    return {f"{change['kind']} {change['name']}": change["action"] for change in changes}


def runs_of(api: str, flow: str) -> list[dict[str, Any]]:
    """Return the flow's runs."""
    told = {"flows": {"name": {"any_": [flow]}}}
    found: list[dict[str, Any]] = httpx.post(f"{api}/flow_runs/filter", json=told).json()
    return found

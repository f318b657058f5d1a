"""The command `check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import Json, progress_bar
from flows.errors import NewsletterError

if TYPE_CHECKING:
    from flows.check import Checked
    from flows.settings import Settings


@app.command(epilog="Example: gridletter check notebooks/load.ipynb")
def check(
    notebooks: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[NOTEBOOK…]",
            help="Notebooks; all of GRIDLETTER_NOTEBOOKS if none is named.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say whether notebooks will work as newsletters, before they are deployed.

    Looks at header, parameters, secrets, paths and what git keeps; then runs each notebook without
    a network on its sample and on edge cases made from it (days of 23 and 25 hours, gaps, a missing
    type, no capacity, no document before, an unknown zone), and looks at headline, alternative
    texts and the mail. Each finding names the cell, counted from 0, and what to do.
    """
    options = settings.load()
    checked = run(options, notebooks or None)
    for finding in checked.findings:
        if as_json:
            print(json.dumps(finding.as_dict(), ensure_ascii=False))
        else:
            print(finding.as_line())
    if not as_json:
        print(summary(checked))
    raise typer.Exit(code=1 if checked.findings else 0)


def run(options: Settings, notebooks: list[Path] | None) -> Checked:
    """Check `notebooks`, all of the settings' folder if None; draw a bar meanwhile.

    Raises:
        NewsletterError: there is no notebook to check.
    """
    from flows.check import check as run_checks  # noqa: PLC0415 - --help answers at once
    from flows.notebook.limits import Limits  # noqa: PLC0415
    from flows.notebook.newsletter import notebooks_in  # noqa: PLC0415

    limits = Limits(
        deadline_seconds=options.notebook_deadline_seconds,
        memory_mb=options.notebook_memory_mb,
        output_mb=options.notebook_output_mb,
    )
    paths = notebooks_in(options.notebooks) if notebooks is None else notebooks
    with progress_bar("checking") as report:
        return run_checks(paths, limits, report)


def must_pass(options: Settings) -> None:
    """Print on standard error what is wrong with the newsletters' notebooks, if anything is.

    Raises:
        NewsletterError: something is.
    """
    checked = run(options, None)
    for finding in checked.findings:
        print(finding.as_line(), file=sys.stderr)
    if checked.findings:
        raise NewsletterError(
            f"the notebooks do not pass: {summary(checked)}",
            remedy="Mend them, see `gridletter check`; --skip-check deploys them as they are.",
            path=options.notebooks,
        )


def summary(checked: Checked) -> str:
    """Return in one line what was done and what came of it."""
    count = len(checked.findings)
    found = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing to mend"
    runs = f"{checked.runs} runs, {checked.offline}" if checked.runs else "none was run"
    notebooks = f"{checked.notebooks} notebook{'' if checked.notebooks == 1 else 's'}"
    return f"{found} in {notebooks} ({runs})"

"""The command `backfill`."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated, Final

import typer
from rich.progress import MofNCompleteColumn

from flows import settings
from flows.cli.app import app
from flows.cli.deploy import api
from flows.cli.shown import Json, outcome_line, progress_bar
from flows.progress import on_progress

# A new AWS account may have six processors in tasks at once: one is left for what is pushed.
_ON_A_POOL: Final = 5


@app.command(epilog="Example: gridletter backfill documents/2025 --jobs 4")
def backfill(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…", help="Files, and folders that are searched to their depths."
        ),
    ],
    *,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Have this work pool of Prefect's do it, in a flow run for each document.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help=f"Notebooks at once; by default a core each, on a work pool {_ON_A_POOL}.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish documents of the past into the archive: pages, feeds and search, and no mail.

    In a folder, files ending in .xml, .zip or .gz are taken. What is in the archive already is not
    made again, so a backfill that was ended in any way is gone on with by the same command.

    With --pool the flow runs go to the Prefect API that PREFECT_API_URL or the active profile
    names, and to the work pool that `gridletter deploy` deployed to. At most so many are under way
    as --jobs says; flow runs that are when this command ends go on by themselves.
    """
    options = settings.load()
    with progress_bar("starting", MofNCompleteColumn()) as progress:
        on_progress.set(progress)
        if pool is None:
            from flows.local import backfill_archive  # noqa: PLC0415 - brings the flow's imports

            outcomes = backfill_archive(sources, options, jobs or _cores())
        else:
            with api():
                from flows.backfill_pool import backfill_on  # noqa: PLC0415 - as above

                outcomes = backfill_on(pool, sources, options, jobs or _ON_A_POOL)
    counts = Counter(outcome.state for _, outcome in outcomes)
    for source, outcome in outcomes:
        if as_json:
            print(outcome.as_json(source))
        elif outcome.state == "failed":
            print(outcome_line(source, outcome))
    if not as_json:
        print(
            f"{counts['published']} published, {counts['duplicate']} in the archive already, "
            f"{counts['skipped']} skipped, {counts['ignored']} ignored, {counts['failed']} failed"
        )
    raise typer.Exit(code=1 if counts["failed"] else 0)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The command `backfill`."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn

from flows import settings
from flows.cli.app import app
from flows.cli.shown import Json, outcome_line, progress_bar
from flows.progress import on_progress


@app.command(epilog="Example: gridletter backfill documents/2025 --jobs 4")
def backfill(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…", help="Files, and folders that are searched to their depths."
        ),
    ],
    *,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="Notebooks at once; by default, a core each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish documents of the past into the archive: pages, feeds and search, and no mail.

    In a folder, files ending in .xml, .zip or .gz are taken. What is in the archive already is not
    made again, so a backfill that was ended in any way is gone on with by the same command.
    """
    options = settings.load()
    from flows.local import backfill_archive  # noqa: PLC0415 - brings the flow's imports

    with progress_bar("starting", MofNCompleteColumn()) as progress:
        on_progress.set(progress)
        outcomes = backfill_archive(sources, options, jobs or _cores())
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

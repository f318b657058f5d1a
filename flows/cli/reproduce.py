"""The command that runs archived issues again: `reproduce`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import Json, with_progress
from flows.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.reproduce.reproduce import Report

_MOST_LINES = 20
_LONGEST_LINE = 600


@app.command(epilog="Example: gridletter reproduce 5f2ed218c652f8f185c3")
def reproduce(
    issues: Annotated[
        list[str],
        typer.Argument(
            metavar="ISSUE…", help="An issue's folder, the address of its page, or its id."
        ),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Run the notebooks of archived issues again, and say whether the same comes out.

    Each runs as it was archived, with the parameters that it was given, without a network; text,
    figures, tables and the numbers behind charts are compared. What has another version than it had
    (Python, a package, the lock file, the notebook, the templates) is named.

    This runs code from the archive that you name, as you: give it no address of an archive that you
    do not trust.
    """
    options = settings.load()
    from flows.archive.store import open_store  # noqa: PLC0415 - --help answers at once
    from flows.notebook.limits import Limits  # noqa: PLC0415
    from flows.reproduce.reproduce import reproduce as run_again  # noqa: PLC0415

    reports = run_again(
        issues,
        store=lambda: open_store(options.archive_address),
        notebooks=options.notebooks,
        limits=Limits(
            deadline_seconds=options.notebook_deadline_seconds,
            memory_mb=options.notebook_memory_mb,
            output_mb=options.notebook_output_mb,
        ),
    )
    all_equal = True
    for report in with_progress(reports, len(issues)):
        all_equal &= report.equal
        if as_json:
            print(json.dumps(report.as_dict(), ensure_ascii=False))
        else:
            # What a notebook says could otherwise steer a terminal.
            print(f"{_state(report):<10} {one_line(_subject(report), _LONGEST_LINE)}")
            for detail in _details(report):
                print(f"           {one_line(detail, _LONGEST_LINE)}")
    raise typer.Exit(code=0 if all_equal else 1)


def _state(report: Report) -> str:
    if report.damaged:
        return "damaged"
    if report.failure:
        return "failed"
    return "equal" if report.equal else "differs"


def _subject(report: Report) -> str:
    return f"{report.path or report.name}: {report.failure or report.headline}"


def _details(report: Report) -> Iterator[str]:
    yield from report.damaged
    for difference in report.differences[:_MOST_LINES]:
        yield f"{difference.where}: {difference.archived} → {difference.again}"
    if len(report.differences) > _MOST_LINES:
        yield f"and {len(report.differences) - _MOST_LINES} more"
    for version in report.versions:
        yield f"{version.name}: was {version.archived}, is {version.now}"
    if report.offline:
        yield f"without a network: {report.offline}"

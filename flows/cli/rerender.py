"""The command after a notebook was mended: `rerender`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import Json, outcome_line, with_progress


@app.command(epilog="Example: gridletter rerender 5f2ed218c652f8f185c3 --mail-correction")
def rerender(
    issues: Annotated[
        list[str],
        typer.Argument(metavar="ISSUE…", help="An issue's id, or its page or folder."),
    ],
    *,
    mail_correction: Annotated[
        bool,
        typer.Option(
            "--mail-correction",
            help="Send the correction, marked as one, to those who got the issue; once.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Render archived issues again after their notebook was mended, beside the old pages.

    Today's notebook runs with the parameters that the issue was made with. The old page stays, and
    leads to the new one. No mail goes out by itself. What comes out the same is left alone.
    """
    options = settings.load()
    from flows.local import rerender_issues  # noqa: PLC0415 - brings the flow's imports

    failed = 0
    rendered = rerender_issues(issues, options, mail_correction=mail_correction)
    for name, outcomes in with_progress(rendered, len(issues)):
        failed += sum(outcome.state == "failed" for outcome in outcomes)
        for outcome in outcomes:
            print(outcome.as_json(name) if as_json else outcome_line(name, outcome))
    raise typer.Exit(code=1 if failed else 0)

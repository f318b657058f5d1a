"""The commands that publish and send: `publish`, `resume`, `demo`."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import Json, outcome_line, with_progress


@app.command(epilog="Example: gridletter publish notebooks/samples/load_DE_LU_forecast.xml")
def publish(
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE…|-", help="Event messages; - reads one from stdin.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Publish the issues of event messages: archive pages, and a mail to each subscriber.

    A message is what ENTSO-E pushes: a SOAP envelope, a market document, or a gzip or zip of some.
    Publishing one again sends nothing twice and finishes what was left undone.
    """
    options = settings.load()
    from flows.local import publish_sources  # noqa: PLC0415 - brings the flow's imports

    states: Counter[str] = Counter()
    published = publish_sources(sources, options)
    for source, outcomes in with_progress(published, len(sources)):
        states.update(outcome.state for outcome in outcomes)
        for outcome in outcomes:
            print(outcome.as_json(source) if as_json else outcome_line(source, outcome))
    if not as_json:
        print(", ".join(f"{count} {state}" for state, count in states.items()))
    raise typer.Exit(code=1 if states["failed"] else 0)


class Unknown(StrEnum):
    """What `resume` does with mails of which nobody knows whether the server took them."""

    HOLD = "hold"
    RESEND = "resend"


@app.command(epilog="Example: gridletter resume --unknown hold")
def resume(
    *,
    unknown: Annotated[
        Unknown,
        typer.Option(
            help="Mails whose fate nobody knows: leave them, or send them again, which may give a "
            "reader one twice."
        ),
    ] = Unknown.HOLD,
    as_json: Json = False,
) -> None:
    """Send what is still open of issues that were published: no event, no notebook."""
    options = settings.load()
    from flows.local import resume_sending  # noqa: PLC0415 - brings the flow's imports

    failed = 0
    for source, outcomes in with_progress(resume_sending(options, unknown.value), 1):
        failed += sum(outcome.state == "failed" for outcome in outcomes)
        for outcome in outcomes:
            print(outcome.as_json(source) if as_json else outcome_line(source, outcome))
        if not outcomes and not as_json:
            print("nothing is open")
    raise typer.Exit(code=1 if failed else 0)


@app.command(epilog="Example: gridletter demo")
def demo() -> None:
    """Publish the bundled synthetic events and say where the archive and the mails are."""
    options = settings.load()
    from flows import demo as samples  # noqa: PLC0415 - brings the flow's imports

    failed = 0
    for source, outcomes in with_progress(samples.run(options), len(samples.EVENTS)):
        failed += sum(outcome.state == "failed" for outcome in outcomes)
        for outcome in outcomes:
            print(outcome_line(Path(source).name, outcome))
            if outcome.seconds:
                steps = (f"{name} {seconds:.1f} s" for name, seconds in outcome.seconds.items())
                print(f"           {', '.join(steps)}")
    print(f"\narchive  {options.archive_url}index.html")
    print(f"outbox   {options.outbox_folder.as_uri()}/")
    raise typer.Exit(code=1 if failed else 0)

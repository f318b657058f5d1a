"""The `gridletter` command: exit code 0 where all was done, 1 where not, 2 for wrong usage."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from flows import settings
from flows.cli_subscribers import app as subscribers
from flows.errors import GridletterError
from flows.progress import on_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.outcome import Outcome

app = typer.Typer(
    name="gridletter",
    help="An event arrives, a notebook runs, a newsletter goes out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(subscribers, name="subscribers")

_Step = TypeVar("_Step")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


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
    for source, outcomes in _with_progress(published, len(sources)):
        states.update(outcome.state for outcome in outcomes)
        for outcome in outcomes:
            print(outcome.as_json(source) if as_json else _line(source, outcome))
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
    for source, outcomes in _with_progress(resume_sending(options, unknown.value), 1):
        failed += sum(outcome.state == "failed" for outcome in outcomes)
        for outcome in outcomes:
            print(outcome.as_json(source) if as_json else _line(source, outcome))
        if not outcomes and not as_json:
            print("nothing is open")
    raise typer.Exit(code=1 if failed else 0)


@app.command(epilog="Example: gridletter demo")
def demo() -> None:
    """Publish the bundled synthetic events and say where the archive and the mails are."""
    options = settings.load()
    from flows import demo as samples  # noqa: PLC0415 - brings the flow's imports

    failed = 0
    for source, outcomes in _with_progress(samples.run(options), len(samples.EVENTS)):
        failed += sum(outcome.state == "failed" for outcome in outcomes)
        for outcome in outcomes:
            print(_line(Path(source).name, outcome))
            if outcome.seconds:
                steps = (f"{name} {seconds:.1f} s" for name, seconds in outcome.seconds.items())
                print(f"           {', '.join(steps)}")
    print(f"\narchive  {options.archive_url}index.html")
    print(f"outbox   {options.outbox_folder.as_uri()}/")
    raise typer.Exit(code=1 if failed else 0)


@app.command(epilog="Example: gridletter doctor --json")
def doctor(*, as_json: Json = False) -> None:
    """Check the settings, the home, the notebooks and the Prefect API; say what to mend."""
    options = settings.load()
    from flows import doctor as checks  # noqa: PLC0415 - brings the flow's imports

    healthy = True
    for check in checks.run_checks(options):
        healthy = healthy and check.good
        print(check.as_json() if as_json else check.as_line())
    raise typer.Exit(code=0 if healthy else 1)


def main() -> None:
    """Run the command; a known error becomes one line on stderr and exit code 1.

    SIGTERM ends it as an interrupt does: mails under way are finished, and nothing is left behind.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except GridletterError as error:
        print(f"gridletter: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("gridletter: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)


def _line(source: str, outcome: Outcome) -> str:
    """Return the outcome for people: state, what, and where to find it or why not."""
    what = " ".join(filter(None, (outcome.newsletter, outcome.zone))) or source
    where = outcome.page or ""
    if outcome.mails:
        where += f" ({outcome.mails} mails)"
    return f"{outcome.state:<10} {what}: {outcome.reason or where}"


def _with_progress(steps: Iterable[_Step], total: int) -> Iterator[_Step]:
    """Yield from `steps`; on a terminal with a bar for them and one for each long send."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        # Lines for a pipe must not be drawn into the terminal.
        redirect_stdout=sys.stdout.isatty(),
    )
    sends: dict[str, TaskID] = {}

    def sending(name: str, done: int, of: int) -> None:
        if name not in sends:
            sends[name] = bar.add_task(f"sending {name}", total=of)
        bar.update(sends[name], completed=done)

    token = on_progress.set(sending)
    try:
        with bar:
            yield from bar.track(steps, total=total, description="publishing")
    finally:
        on_progress.reset(token)

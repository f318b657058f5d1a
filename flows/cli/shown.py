"""What commands print: outcomes as lines, and progress bars on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from flows.progress import on_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flows.outcome import Outcome

_Step = TypeVar("_Step")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def outcome_line(source: str, outcome: Outcome) -> str:
    """Return the outcome for people: state, what, and where to find it or why not."""
    what = " ".join(filter(None, (outcome.newsletter, outcome.zone))) or source
    where = outcome.page or ""
    if outcome.mails:
        where += f" ({outcome.mails} mails)"
    return f"{outcome.state:<10} {what}: {outcome.reason or where}"


@contextmanager
def progress_bar(
    what: str, amount: ProgressColumn | None = None
) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar on stderr while it is a terminal; give what moves it: what, done, of how many.

    Args:
        what: What is being done at first.
        amount: How the amount done is shown; by default as a percentage.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        amount or TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda now, done, total: bar.update(
            task, description=now, completed=done, total=total
        )


def with_progress(steps: Iterable[_Step], total: int) -> Iterator[_Step]:
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

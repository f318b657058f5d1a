"""The commands `gridletter subscribers …`: who gets which newsletter, beside the ledger."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import progress_bar
from flows.delivery.directory import open_directory
from flows.delivery.ledger import open_ledger
from flows.delivery.subscribers import Subscriber, address, barred
from flows.errors import SubscriberError

if TYPE_CHECKING:
    from collections.abc import Iterable

group = typer.Typer(
    help="Say who gets which newsletter.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(group, name="subscribers")


@group.command(epilog="Example: gridletter subscribers add Ada ada@reader.example --zone DE_LU")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How mails greet the reader.")],
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Where mails go.")],
    *,
    newsletter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A newsletter's name; all without. Repeat for more."),
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="A bidding zone's code; all without. Repeat for more."),
    ] = None,
) -> None:
    """Add one reader.

    Issues that are published from now on go to them. An address that unsubscribed or bounced is
    refused: only its reader could ask for mails again.
    """
    reader = Subscriber.of(name, email, ";".join(newsletter or ()), ";".join(zone or ()))
    directory = open_directory(settings.load().ledger_address)
    for reason in directory.suppressions([reader.email]).values():
        raise barred(reader.email, reason)
    if directory.add([reader]):
        print(f"{reader.email} added")
        return
    if directory.find(reader.email) == reader:
        print(f"{reader.email} known already")
        return
    raise SubscriberError(
        f"{reader.email} is known already, by another name or with other newsletters or zones",
        remedy=f"To change them run gridletter subscribers remove {reader.email} first.",
        line=None,
    )


@group.command("import", epilog="Example: gridletter subscribers import readers.csv")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV in UTF-8: name,email,newsletters,zones and maybe state."
        ),
    ],
) -> None:
    """Add the readers of a CSV file.

    Every line that is refused is named with its reason, and stops no other. Several newsletters
    or zones have ; in between, and none means all. A file that `list` printed has a state as
    well: who is not active there is added, but gets nothing.
    """
    from flows.delivery.subscribers_import import import_file  # noqa: PLC0415 - only needed here

    place = settings.load().ledger_address
    with progress_bar("importing") as progress:
        report = import_file(
            file,
            open_directory(place),
            open_ledger(place),
            report_refusal=lambda error: print(f"gridletter: {error}", file=sys.stderr),
            progress=partial(progress, "importing"),
        )
    print(f"{report.added} added, {report.known} known already, {report.refused} refused")
    raise typer.Exit(code=1 if report.refused else 0)


@group.command("list", epilog="Example: gridletter subscribers list > readers.csv")
def list_(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print every reader and their state.

    It is CSV that `import` takes, in the order of the addresses. A state is active,
    unsubscribed, bounced, or suppressed for some other reason.
    """
    from flows.delivery.subscribers_csv import export  # noqa: PLC0415 - only needed here

    readers = open_directory(settings.load().ledger_address).subscribers()
    (_export_json if as_json else export)(readers, sys.stdout)


@group.command(epilog="Example: gridletter subscribers remove ada@reader.example")
def remove(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The reader's address.")],
) -> None:
    """Remove one reader.

    An issue that is being sent already still goes to them, no later one does. Whether they
    unsubscribed is not forgotten.
    """
    spelled = address(email)
    if not open_directory(settings.load().ledger_address).remove(spelled):
        raise SubscriberError(
            f"{spelled} is no subscriber",
            remedy="See gridletter subscribers list for those who are.",
            line=None,
        )
    print(f"{spelled} removed")


def _export_json(subscribers: Iterable[Subscriber], file: TextIO) -> None:
    lines = (json.dumps(vars(reader), ensure_ascii=False) for reader in subscribers)
    file.writelines(f"{line}\n" for line in lines)

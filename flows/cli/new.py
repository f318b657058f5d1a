"""The command `new`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows import settings
from flows.cli.app import app


@app.command(epilog="Example: gridletter new negative_prices --document-type A44")
def new(
    name: Annotated[
        str, typer.Argument(help="Small letters, digits and _; it names notebook and newsletter.")
    ],
    *,
    document_type: Annotated[
        str, typer.Option(metavar="CODE", help="What it listens to, such as A44 (prices).")
    ],
    process_type: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="At which stage, such as A01 (day-ahead); else all."),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="The newsletter's title; by default that of the documents.")
    ] = None,
) -> None:
    """Make a newsletter: a notebook with header, parameters, a first headline and a first chart.

    It stands in the folder of notebooks and runs from top to bottom on a sample document: a bundled
    one where there is one of its kind, else a synthetic one, which is written beside it.
    """
    options = settings.load()
    from flows.starter import make  # noqa: PLC0415 - brings the reader of documents

    for path in make(
        options.notebooks,
        name,
        document_type=document_type,
        process_type=process_type,
        title=title,
    ):
        print(path)

"""The application that each command's module adds its command to."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="gridletter",
    help="An event arrives, a notebook runs, a newsletter goes out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

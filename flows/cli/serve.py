"""The command `serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.deploy import EXPECT_HELP

if TYPE_CHECKING:
    from flows.serve.serve import Addresses


@app.command(epilog="Example: gridletter serve --port 8484")
def serve(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The gateway's port; 0: any.")] = 8484,
    host: Annotated[
        str, typer.Option(help="The address it listens on; 0.0.0.0 for all networks.")
    ] = "127.0.0.1",
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=HH:MM", help=EXPECT_HELP),
    ] = None,
) -> None:
    """Take pushes, publish them, send the mails, show the archive: until Ctrl-C or SIGTERM.

    It starts a Prefect server of its own, unless PREFECT_API_URL or the active profile names one,
    and starts again whatever ends. A push is on the disk before it is answered.
    """
    options = settings.load()
    from flows.deploy.expected import parse  # noqa: PLC0415 - brings entsoe-py
    from flows.serve.serve import serve as run  # noqa: PLC0415 - brings imports of its own

    expected = [str(parse(each)) for each in expect or ()]
    run(options, host=host, port=port, expect=expected, on_start=_show, on_ready=_ready)


def _show(addresses: Addresses) -> None:
    print(f"archive  {addresses.archive}")
    print(f"webhook  {addresses.webhook}")
    print(f"prefect  {addresses.prefect}", flush=True)


def _ready(seconds: float) -> None:
    print(f"ready    after {seconds:.1f} s; Ctrl-C ends it", flush=True)

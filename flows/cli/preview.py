"""The command `preview`."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import suppress
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from flows import settings
from flows.cli.app import app


@app.command(epilog="Example: gridletter preview notebooks/load.ipynb --watch")
def preview(
    notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="A newsletter's notebook.")],
    *,
    document: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="An event message to run it on; by default its header's sample."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run it again, and show it anew, when it is saved.")
    ] = False,
) -> None:
    """Run a notebook and show its mail and its page in the browser; Ctrl-C ends it.

    Nothing is archived and nothing is sent. The browser asks this command on loopback; the address
    is printed as well.
    """
    options = settings.load()
    from flows.notebook import nursery  # noqa: PLC0415 - with the two below

    nursery.warm()  # while this process imports what pages and mails are made by
    from flows.preview import server  # noqa: PLC0415 - brings what pages and mails are made by
    from flows.preview.watch import Watch  # noqa: PLC0415 - the same

    watching = Watch(notebook.absolute(), document and document.absolute(), options, print)
    running = threading.Thread(
        target=watching.keep_running if watch else watching.run, name="preview", daemon=True
    )

    def ready(address: str) -> None:
        print(f"{notebook.name} at {address} (Ctrl-C ends it)", flush=True)
        running.start()
        webbrowser.open(address)

    # Ctrl-C is how this command is meant to end.
    with suppress(KeyboardInterrupt):
        server.serve(watching, options, ready)
    watching.end()

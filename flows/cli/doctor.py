"""The command `doctor`."""

from __future__ import annotations

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import Json  # noqa: TC001 - typer reads the annotation


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

"""The commands `gridletter site …`: what in the archive is derived from its issues."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.shown import progress_bar

if TYPE_CHECKING:
    from flows.archive.rebuild import Rebuilt

group = typer.Typer(
    help="Keep the archive's pages in order.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(group, name="site")


@group.command(epilog="Example: gridletter site build")
def build(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make every page, index, feed and sitemap anew from the issues.

    That gives the bytes that publishing gave, and mends what was lost or damaged of these. It may
    run while issues are published. An issue with a damaged or missing file is named, keeps the page
    that it has, and stops no other; the exit code is 1 then.
    """
    from flows.archive import Archive, open_store  # noqa: PLC0415 - only needed here

    options = settings.load()
    archive = Archive(open_store(options.archive_address), options.archive_url)
    with progress_bar("starting") as progress:
        rebuilt = archive.rebuild(progress)
    for error in rebuilt.damaged:
        print(f"gridletter: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps(_described(rebuilt)))
    else:
        print(
            f"{rebuilt.issues} issues, {len(rebuilt.damaged)} damaged files, "
            f"{rebuilt.removed} files removed that no issue accounts for"
        )
    raise typer.Exit(code=1 if rebuilt.damaged else 0)


def _described(rebuilt: Rebuilt) -> dict[str, object]:
    damaged = [{"path": error.data["path"], "reason": str(error)} for error in rebuilt.damaged]
    return {"issues": rebuilt.issues, "damaged": damaged, "removed": rebuilt.removed}

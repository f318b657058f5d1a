"""Measure rows and print one table: `python -m benchmarks [ROW…] --json FILE`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks import archive, machine, mails, notebooks, serve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue

    from benchmarks.row import Row

SUITES = (serve, mails, archive, notebooks)
AIMS = {name: aim for suite in SUITES for name, aim in suite.AIMS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print it, write it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(AIMS)} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.rows) - AIMS.keys())
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(AIMS)}")
    wanted = set(options.rows or AIMS)
    here = machine.describe()
    console = Console()
    rows: list[Row] = []
    with console.status("Measuring …"):
        for suite in SUITES:
            names = wanted & suite.AIMS.keys()
            if names:
                rows += suite.measure(names)
    console.print(_table(rows))
    for name, numbers in (*((row.row, row.raw) for row in rows), ("machine", here)):
        console.print(f"{name}: {_listed(numbers)}", highlight=False)
    if options.json is not None:
        written = [{**asdict(row), "raw": {**row.raw, "machine": here}} for row in rows]
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table("row", "ratio", "aim", "holds", "what")
    for row in rows:
        holds = "yes" if row.holds else "no"
        table.add_row(row.row, f"{row.ratio:.2f}", row.aim, holds, AIMS[row.row].what)
    return table


def _listed(numbers: Mapping[str, JsonValue]) -> str:
    return ", ".join(f"{name} {value}" for name, value in numbers.items())


if __name__ == "__main__":
    sys.exit(main())

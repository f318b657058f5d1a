"""Measure rows and print one table: `python -m benchmarks [ROW…] --json FILE`."""

from __future__ import annotations

import argparse
import compileall
import json
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks import (
    archive,
    backfill,
    cold,
    imports,
    machine,
    mails,
    memory,
    notebooks,
    reader,
    regression,
    serve,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

    from benchmarks.row import Row

# In the table's order.
SUITES = (cold, serve, backfill, reader, memory, imports, notebooks, mails, archive)
AIMS = {name: aim for suite in SUITES for name, aim in suite.AIMS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print it, write it; return the exit code.

    That is 1 where a row could not be measured, or is worse than `--against` has it.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(AIMS)} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="fail where a ratio is far worse than there"
    )
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.rows) - AIMS.keys())
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(AIMS)}")
    before = regression.read(options.against) if options.against else {}
    wanted = set(options.rows or AIMS)
    # What is installed, and the image, are byte-compiled; a checkout may not be.
    compileall.compile_dir(Path(__file__).parent.parent / "flows", quiet=1)
    here = machine.describe()
    console = Console()
    rows = _measure(wanted, console)
    console.print(_table(rows))
    for name, numbers in (*((row.row, row.raw) for row in rows), ("machine", here)):
        console.print(f"{name}: {_listed(numbers)}", highlight=False)
    if options.json is not None:
        written = [{**asdict(row), "raw": {**row.raw, "machine": here}} for row in rows]
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    worse = regression.regressions(rows, before, AIMS)
    for line in worse:
        console.print(line, style="red")
    return 1 if worse or len(rows) < len(wanted) else 0


def _measure(wanted: AbstractSet[str], console: Console) -> list[Row]:
    """Return the rows in the table's order; one suite that fails harms no other."""
    rows: list[Row] = []
    for suite in SUITES:
        names = wanted & suite.AIMS.keys()
        if not names:
            continue
        with console.status(f"Measuring {', '.join(sorted(names))} …"):
            try:
                rows.extend(suite.measure(names))
            except Exception:  # noqa: BLE001 - of any kind: the other rows took their time
                console.print(traceback.format_exc(), style="red", markup=False)
    order = list(AIMS)
    return sorted(rows, key=lambda row: order.index(row.row))


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

"""What a dead, frozen or overloaded service costs behind the gateway, in figures.

    python bench/gateway.py [--only killed frozen …] [--json]

The figures are of this machine at this moment, the bounds those of the design. Exit 1 where one is missed.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from bench.gateway_scenes import SCENES, Row


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=tuple(SCENES), default=tuple(SCENES), metavar="SCENE")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.only:
        print(f"{name} …", file=sys.stderr)
        rows += asyncio.run(_measured(name))
    print(json.dumps([asdict(row) for row in rows], indent=2)) if options.json else _show(rows)
    return 1 if any(row.kept is False for row in rows) else 0


async def _measured(name: str) -> list[Row]:
    return await SCENES[name]()


def _show(rows: list[Row]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("measured", "figure", "bound", ""):
        table.add_column(heading)
    marks = {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}
    for row in rows:
        table.add_row(row.what, row.figure, row.bound, marks[row.kept])
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())

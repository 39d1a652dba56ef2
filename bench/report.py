"""A table of what was measured, against what was promised; on the terminal and as Markdown."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """`met` is None where nothing was promised."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


def machine() -> str:
    """Cores and architecture, for a document."""
    return f"{os.cpu_count()} cores {platform.machine().replace('_', '-')}, no GPU used"


def named_machine() -> str:
    """With its name and processor, for the terminal of whoever ran it."""
    return f"{platform.node()}: {_processor()}, {machine()}, Python {platform.python_version()}"


def print_table(title: str, rows: Sequence[Row]) -> None:
    table = Table(title=f"{title}\n{named_machine()}", title_justify="left")
    for column in ("What", "Measured", "Goal", ""):
        table.add_column(column)
    for row in rows:
        table.add_row(row.what, row.measured, row.goal, {None: "", True: "✓", False: "✗"}[row.met])
    Console(width=130).print(table)


def markdown(rows: Sequence[Row]) -> str:
    lines = ["| What | Measured | Goal | Holds |", "| --- | --- | --- | --- |"]
    for row in rows:
        holds = {None: "", True: "yes", False: "**no**"}[row.met]
        lines.append(f"| {row.what} | {row.measured} | {row.goal} | {holds} |")
    return "\n".join(lines)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"

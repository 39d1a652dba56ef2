"""`./scripts/status`: what runs, since when, and how it is just now."""

import asyncio
import json
import time
from argparse import Namespace
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts.local_stack import lock
from scripts.local_stack.folders import Folders
from scripts.local_stack.probes import probe_of
from scripts.local_stack.snapshot import Phase, ProcessState, StackState, StateFile

EXIT_NOT_RUNNING = 3
"""As init scripts answer. Source: Linux Standard Base, 22.2."""
_WIDE_COLUMNS = 72
_STYLES = {"ready": "green", "not ready": "yellow", "gone": "red"}


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    health: str
    port: int | None
    pid: int | None
    up_seconds: float | None
    restarts: int
    resident_bytes: int | None
    note: str


def status(options: Namespace, console: Console) -> int:
    folders = Folders()
    state = StateFile(folders.state).read()
    supervised = lock.is_held(folders.lock)
    if state is None or not (supervised or state.survivors()):
        _say_not_running(state, options, console)
        return EXIT_NOT_RUNNING
    rows = asyncio.run(_rows(state))
    if options.json:
        print(json.dumps(_as_json(state, rows, supervised)))
    else:
        _show(state, rows, console, supervised=supervised)
    return 0 if supervised and all(row.health == "ready" for row in rows) else 1


def _say_not_running(state: StackState | None, options: Namespace, console: Console) -> None:
    failed = f" The last start failed: {state.failed}. {state.note}" if state and state.failed else ""
    if options.json:
        print(json.dumps({"running": False, "last_start": failed.strip() or None}))
    else:
        console.print(f"Parley is not running.{failed}", highlight=False)


async def _rows(state: StackState) -> list[Row]:
    return list(await asyncio.gather(*(_row(process) for process in state.processes)))


async def _row(process: ProcessState) -> Row:
    alive = process.id is not None and process.id.alive()
    health = await _health(process) if alive else _words_for_gone(process)
    return Row(
        process.name,
        health,
        process.port,
        process.id.pid if process.id and alive else None,
        time.time() - process.id.started_at if process.id and alive else None,
        process.restarts,
        _resident_bytes(process.id.pid) if process.id and alive else None,
        process.note,
    )


async def _health(process: ProcessState) -> str:
    """Asked now, not read from the file: a process that hangs is alive all the same."""
    if process.ready_url is None:
        return "ready" if process.phase is Phase.READY else process.phase.value
    if await probe_of(process.ready_url)():
        return "ready"
    return "starting" if process.phase is Phase.STARTING else "not ready"


def _words_for_gone(process: ProcessState) -> str:
    return process.phase.value if process.phase in {Phase.RESTARTING, Phase.WAITING} else "gone"


def _resident_bytes(pid: int) -> int | None:
    """Of the process and what it has started."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(int(one.memory_info().rss) for one in family)
    except psutil.Error:
        return None


def _as_json(state: StackState, rows: list[Row], supervised: bool) -> dict[str, object]:
    return {
        "running": True,
        "supervised": supervised,
        "phase": state.phase.value,
        "url": state.url,
        "profile": state.profile,
        "processes": [{name: getattr(row, name) for name in Row.__slots__} for row in rows],
    }


def _show(state: StackState, rows: list[Row], console: Console, *, supervised: bool) -> None:
    wide = console.width >= _WIDE_COLUMNS
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("process", "health", "port", "up", *(("pid", "memory", "restarts") if wide else ())):
        table.add_column(heading, justify="left" if heading in {"process", "health"} else "right")
    for row in rows:
        table.add_row(*_cells(row, wide))
    console.print(f"[bold]{escape(state.url)}[/]  profile {state.profile}\n", highlight=False)
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"\n{escape(row.name)}: {escape(row.note)}", style="yellow", highlight=False)
    if not supervised:
        console.print(
            "\nThe supervisor is gone: nothing restarts these. ./scripts/down ends them.", style="red"
        )


def _cells(row: Row, wide: bool) -> list[Text]:
    health = Text(row.health, style=_STYLES.get(row.health, "yellow"))
    narrow = [Text(row.name), health, Text(str(row.port or "")), Text(duration(row.up_seconds))]
    if not wide:
        return narrow
    memory = "" if row.resident_bytes is None else f"{row.resident_bytes / 1e6:,.0f} MB"
    return [*narrow, Text(str(row.pid or "")), Text(memory), Text(str(row.restarts or ""))]


def duration(seconds: float | None) -> str:
    """The largest two units: `3 d 4 h`, `5 min 12 s`."""
    if seconds is None:
        return ""
    whole = int(seconds)
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count} {unit}" for count, unit in parts[:2])

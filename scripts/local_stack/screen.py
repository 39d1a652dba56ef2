"""Shows a start as it goes: a live table on a terminal, one line for each change elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from scripts.local_stack.snapshot import Phase, ProcessState, StackState

_MARKS = {
    Phase.WAITING: ("·", "dim"),
    Phase.READY: ("✓", "green"),
    Phase.RESTARTING: ("↻", "yellow"),
    Phase.STOPPING: ("…", "dim"),
    Phase.STOPPED: ("·", "dim"),
    Phase.FAILED: ("✗", "red"),
}


class Screen:
    """`show` takes each new state; lines that matter later stay on the screen."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._state: StackState | None = None
        self._spinners: dict[str, Spinner] = {}

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Within it, and until `end_progress`, `show` draws a table in place (on a terminal)."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self._drawn, refresh_per_second=10)
            self._live.start()
        try:
            yield
        finally:
            self.end_progress()

    def end_progress(self) -> None:
        """Leaves the table as it is; from here on each change is a line."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def show(self, state: StackState) -> None:
        before, self._state = self._state, state
        if self._live is None:
            for line in changes(before, state):
                self.console.print(line, highlight=False)

    def _drawn(self) -> RenderableType:
        if self._state is None:
            return Text("")
        table = Table.grid(padding=(0, 2))
        for process in self._state.processes:
            table.add_row(self._mark(process), process.name, *_words(process))
        if self._state.note and self._state.phase is Phase.STARTING:
            table.add_row(self._spinner(""), self._state.note)
        return Padding(table, (0, 2))

    def _mark(self, process: ProcessState) -> RenderableType:
        if process.phase is Phase.STARTING:
            return self._spinner(process.name)
        mark, style = _MARKS[process.phase]
        return Text(mark, style=style)

    def _spinner(self, name: str) -> Spinner:
        """The same one at each refresh, else it would not turn."""
        return self._spinners.setdefault(name, Spinner("dots", style="cyan"))


def _words(process: ProcessState) -> tuple[Text, Text]:
    seconds = "" if process.start_seconds is None else f"{process.start_seconds:.1f} s"
    if process.phase is Phase.STARTING and process.since is not None:
        seconds = f"{time.time() - process.since:.0f} s"
    return Text(process.phase.value, style=_MARKS.get(process.phase, ("", "cyan"))[1]), Text(seconds, "dim")


def changes(before: StackState | None, after: StackState) -> Iterator[Text]:
    """One line for each process that became ready, died or failed; for places without a cursor."""
    known = {one.name: one for one in before.processes} if before else {}
    for process in after.processes:
        was = known.get(process.name)
        if was is not None and was.phase is process.phase:
            continue
        if process.phase in {Phase.READY, Phase.RESTARTING, Phase.FAILED, Phase.STOPPED}:
            yield _line(process)


def _line(process: ProcessState) -> Text:
    mark, style = _MARKS[process.phase]
    said = {
        Phase.READY: f"is ready ({process.start_seconds or 0:.1f} s)",
        Phase.RESTARTING: process.note,
        Phase.FAILED: process.note,
        Phase.STOPPED: "has stopped",
    }[process.phase]
    return Text.assemble((f"{mark} ", style), (process.name, "bold"), f"  {said}")

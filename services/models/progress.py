"""Shows how far a transfer is: bars on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_LINE_EVERY_SECONDS = 5.0


class Transfer(Protocol):
    """One file on its way."""

    def at(self, done_bytes: int, total_bytes: int | None) -> None:
        """`done_bytes` may fall: a transfer can start anew."""
        ...


class Reporter(Protocol):
    """What a pull says while it goes on."""

    def say(self, sentence: str) -> None: ...

    def transfer(self, label: str) -> AbstractContextManager[Transfer]: ...


def megabytes(count: int) -> str:
    """As people read sizes: 2.6 MB, 145 MB."""
    value = count / 1e6
    return f"{value:.1f} MB" if value < 10 else f"{value:,.0f} MB"


class BarReporter:
    """For a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, sentence: str) -> None:
        self._console.print(escape(sentence), highlight=False, soft_wrap=True)

    @contextmanager
    def transfer(self, label: str) -> Iterator[Transfer]:
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            yield _Bar(bars, label)


class _Bar:
    def __init__(self, bars: Progress, label: str) -> None:
        self._bars = bars
        self._task = bars.add_task(escape(label), total=None)

    def at(self, done_bytes: int, total_bytes: int | None) -> None:
        self._bars.update(self._task, completed=done_bytes, total=total_bytes)


class LineReporter:
    """For a log: no more than a line every few seconds, each a whole sentence."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock

    def say(self, sentence: str) -> None:
        self._console.print(escape(sentence), highlight=False, soft_wrap=True)

    @contextmanager
    def transfer(self, label: str) -> Iterator[Transfer]:
        line = _Line(self.say, label, self._clock)
        yield line
        line.end()


class _Line:
    def __init__(self, say: Callable[[str], None], label: str, clock: Callable[[], float]) -> None:
        self._say = say
        self._label = label
        self._clock = clock
        self._started = self._said = clock()
        self._done_bytes = 0

    def at(self, done_bytes: int, total_bytes: int | None) -> None:
        self._done_bytes = done_bytes
        if self._clock() - self._said < _LINE_EVERY_SECONDS:
            return
        self._said = self._clock()
        share = f", {100 * done_bytes // total_bytes}%" if total_bytes else ""
        self._say(f"  {self._label}: {megabytes(done_bytes)}{share}")

    def end(self) -> None:
        seconds = self._clock() - self._started
        self._say(f"  {self._label}: {megabytes(self._done_bytes)} in {seconds:.0f} s")


def reporter_for(console: Console) -> Reporter:
    return BarReporter(console) if console.is_terminal else LineReporter(console)

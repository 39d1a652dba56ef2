"""Processes that are not real, for tests of supervision: they start, die and are stopped on command."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from scripts.local_stack.processes import ProcessSpec, Running

_NO_SUCH_PID = 4_100_000
"""Above what Linux gives out, so that no real process is looked at."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what the tests wait for has no event
            await asyncio.sleep(0)


class FakeProcess:
    def __init__(self, machine: "FakeMachine", name: str, stubborn: bool) -> None:
        self._machine = machine
        self._name = name
        self._stubborn = stubborn
        self._ended = asyncio.Event()
        self._code = 0

    @property
    def pid(self) -> int:
        return _NO_SUCH_PID

    async def wait(self) -> int:
        await self._ended.wait()
        return self._code

    def terminate(self) -> None:
        if not self._ended.is_set():
            self._machine.events.append(f"stop {self._name}")
        if not self._stubborn:
            self.end(-signal.SIGTERM)

    def kill(self) -> None:
        if not self._ended.is_set():
            self._machine.events.append(f"kill {self._name}")
            self.end(-signal.SIGKILL)

    def end(self, code: int) -> None:
        if not self._ended.is_set():
            self._code = code
            self._ended.set()


class FakeMachine:
    """`events` tells what happened in order. `ready` names those whose probe says yes."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.ready: set[str] = set()
        self.dies_at_start: dict[str, int] = {}
        """Exit codes of processes that end as soon as they were started."""
        self.stubborn: set[str] = set()
        """Those that do not end when they are asked to."""
        self.running: dict[str, FakeProcess] = {}

    async def launch(self, spec: ProcessSpec) -> Running:
        self.events.append(f"start {spec.name}")
        process = FakeProcess(self, spec.name, spec.name in self.stubborn)
        self.running[spec.name] = process
        if spec.name in self.dies_at_start:
            process.end(self.dies_at_start[spec.name])
        return process

    def spec(
        self, name: str, *after: str, start_seconds: float = 5.0, stop_seconds: float = 5.0
    ) -> ProcessSpec:
        async def probe() -> bool:
            return name in self.ready

        return ProcessSpec(
            name,
            ("true",),
            {},
            probe,
            Path(f"{name}.log"),
            after=after,
            start_seconds=start_seconds,
            stop_seconds=stop_seconds,
        )

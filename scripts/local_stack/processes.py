"""What a process is to the supervisor, and how one is launched. The only place that starts programs."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Probe = Callable[[], Awaitable[bool]]
"""Whether the process would serve now. Answers soon and never raises."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    probe: Probe
    log: Path
    port: int | None = None
    ready_url: str | None = None
    after: tuple[str, ...] = ()
    """Names of the processes that must be ready first."""
    start_seconds: float = 300.0
    """It has failed to start if it is not ready by then. A busy machine takes two minutes to load a model."""
    stop_seconds: float = 25.0
    """Between SIGTERM and SIGKILL."""


class Running(Protocol):
    """A process that was launched."""

    @property
    def pid(self) -> int: ...

    async def wait(self) -> int:
        """The exit code; negative: the signal that ended it."""

    def terminate(self) -> None: ...

    def kill(self) -> None:
        """At once, and whatever it has started itself."""


Launch = Callable[[ProcessSpec], Awaitable[Running]]


async def launch(spec: ProcessSpec) -> Running:
    """In a session of its own, so that Ctrl-C reaches the supervisor alone, which then stops in order."""
    with spec.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *spec.command,
            env=dict(spec.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return _Subprocess(process)


class _Subprocess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        return await self._process.wait()

    def terminate(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """For a sentence: "It …"."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"

"""The whole stack: starts its processes in order, sees that they live, stops them in the opposite order."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from scripts.local_stack.logs import rotate_if_large
from scripts.local_stack.processes import Launch, ProcessSpec
from scripts.local_stack.snapshot import Canary, Phase, ProcessState, StackState, StateFile
from scripts.local_stack.supervised import DidNotStart, SupervisedProcess

_LOG_CHECK_SECONDS = 60.0
CanaryCheck = Callable[[], Awaitable[Canary]]


class Supervisor:
    """`first`: what is written down before anything runs. For one event loop; `run` is called once."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        first: StackState,
        file: StateFile,
        *,
        launch: Launch,
        canary: CanaryCheck,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._file = file
        self._canary = canary
        self._clock = clock
        self._processes = [
            SupervisedProcess(spec, launch, self._report, clock=clock, sleep=sleep) for spec in specs
        ]
        self._ready = {spec.name: asyncio.Event() for spec in specs}
        self._state = replace(first, processes=tuple(process.state for process in self._processes))
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    def request_stop(self) -> None:
        """The first request stops in order; a second one kills."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def run(self) -> bool:
        """Until a stop is requested. False: something did not start; the state file keeps what."""
        self._write(self._state)
        try:
            if await self._unless_stopped(self._start()):
                await self._unless_stopped(self._keep())
            return self._state.phase is not Phase.FAILED
        finally:
            await self._stop_all()

    async def _start(self) -> None:
        started_at = self._clock()
        try:
            await self._start_all()
        except DidNotStart as failure:
            note = f"It {failure.reason}."
            self._write(replace(self._state, phase=Phase.FAILED, failed=failure.name, note=note))
            self._stop.set()
        else:
            await self._finish_start(started_at)

    async def _start_all(self) -> None:
        """Raises the first DidNotStart; the others' starts are cancelled then."""
        starts = [asyncio.create_task(self._start_in_turn(process)) for process in self._processes]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)

    async def _finish_start(self, started_at: float) -> None:
        self._write(replace(self._state, note="Speaking a phrase and hearing it back."))
        canary = await self._canary()
        seconds = self._clock() - started_at
        self._write(replace(self._state, phase=Phase.READY, canary=canary, start_seconds=seconds, note=""))

    async def _start_in_turn(self, process: SupervisedProcess) -> None:
        for name in process.spec.after:
            await self._ready[name].wait()
        await process.start()
        self._ready[process.spec.name].set()

    async def _keep(self) -> None:
        async with asyncio.TaskGroup() as group:
            for process in self._processes:
                group.create_task(process.keep())
            group.create_task(self._keep_logs_small())

    async def _keep_logs_small(self) -> None:
        while True:
            for process in self._processes:
                rotate_if_large(process.spec.log)
            await asyncio.sleep(_LOG_CHECK_SECONDS)

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Whether the work came to its end before a stop was requested."""
        task = asyncio.ensure_future(work)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        stop.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return not self._stop.is_set()

    async def _stop_all(self) -> None:
        if self._state.phase is not Phase.FAILED:
            self._write(replace(self._state, phase=Phase.STOPPING))
        for process in reversed(self._processes):
            await self._stop_one(process)
        if self._state.phase is not Phase.FAILED:
            self._write(replace(self._state, phase=Phase.STOPPED))
            self._file.remove()

    async def _stop_one(self, process: SupervisedProcess) -> None:
        stopping = asyncio.create_task(process.stop(hurry=self._hurry.is_set()))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({stopping, hurry}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not stopping.done():
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            await process.stop(hurry=True)

    def _report(self, process: ProcessState) -> None:
        self._write(self._state.with_process(process))

    def _write(self, state: StackState) -> None:
        self._state = state
        self._file.write(state)

"""One process under supervision: started until it is ready, started again when it dies, stopped."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from scripts.local_stack.backoff import Backoff
from scripts.local_stack.processes import Launch, ProcessSpec, Running, how_it_ended
from scripts.local_stack.snapshot import Phase, ProcessId, ProcessState

_PROBE_EVERY_SECONDS = 0.1


class DidNotStart(Exception):
    """The process ended, or was not ready in time; `reason` completes "It …"."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


class SupervisedProcess:
    """`report` is told of every change. The clocks are injected: `clock` goes forward, `now` is wall time."""

    def __init__(
        self,
        spec: ProcessSpec,
        launch: Launch,
        report: Callable[[ProcessState], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.spec = spec
        self.state = ProcessState(spec.name, port=spec.port, ready_url=spec.ready_url)
        self._launch = launch
        self._report = report
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._backoff = Backoff()
        self._running: Running | None = None
        self._launched_at = 0.0

    async def start(self) -> None:
        """Returns when it is ready. Raises DidNotStart, and then nothing of it is left."""
        self._launched_at = self._clock()
        self._running = running = await self._launch(self.spec)
        self._change(Phase.STARTING, id=ProcessId.of(running.pid))
        trouble = await self._trouble_before_ready(running)
        if trouble is not None:
            await self._end(running, grace_seconds=0.0)
            self._change(Phase.FAILED, id=None, note=f"It {trouble}.")
            raise DidNotStart(self.spec.name, trouble)
        self._change(Phase.READY, start_seconds=self._clock() - self._launched_at)

    async def keep(self) -> None:
        """Starts it again whenever it dies. Runs until it is cancelled or stopped."""
        while self._running is not None:
            code = await self._running.wait()
            self._running.kill()  # what it had started itself does not outlive it
            await self._start_again(how_it_ended(code))

    async def stop(self, *, hurry: bool = False) -> None:
        if self._running is None:
            return
        self._change(Phase.STOPPING)
        await self._end(self._running, grace_seconds=0.0 if hurry else self.spec.stop_seconds)
        self._change(Phase.STOPPED, id=None)

    async def _trouble_before_ready(self, running: Running) -> str | None:
        """None: it is ready."""
        ended = asyncio.create_task(running.wait())
        ready = asyncio.create_task(self._until_ready())
        try:
            await asyncio.wait(
                {ended, ready}, timeout=self.spec.start_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done():
                return how_it_ended(ended.result())
            return None if ready.done() else f"was not ready after {self.spec.start_seconds:g} s"
        finally:
            ended.cancel()
            ready.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)

    async def _until_ready(self) -> None:
        while not await self.spec.probe():
            await self._sleep(_PROBE_EVERY_SECONDS)

    async def _start_again(self, ending: str) -> None:
        while True:
            seconds = self._backoff.after_death(self._clock() - self._launched_at)
            note = f"It {ending}; started again after {seconds:g} s."
            self._change(Phase.RESTARTING, id=None, restarts=self.state.restarts + 1, note=note)
            await self._sleep(seconds)
            try:
                await self.start()
            except DidNotStart as exc:
                ending = exc.reason
            else:
                return

    async def _end(self, running: Running, *, grace_seconds: float) -> None:
        running.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(running.wait(), grace_seconds)
        running.kill()
        await running.wait()
        self._running = None

    def _change(self, phase: Phase, **changes: object) -> None:
        self.state = replace(self.state, phase=phase, since=self._now(), **changes)  # type: ignore[arg-type]  # fields by name
        self._report(self.state)

"""Where a blocking engine meets the event loop: admission, breaker, threads, deadlines, abandonment.

Every engine has one host. A call that outlives its deadline is told to stop; one that does not listen is
abandoned with its thread, and another thread takes its place, up to a bound.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.common import telemetry
from services.common.admission import Admission, Deadline, Place
from services.common.circuit_breaker import BreakerState, CircuitBreaker, Permit
from services.common.problems import DeadlineExceeded
from services.voice.engine_record import EngineRecord
from services.voice.engine_threads import EngineThreads, StuckThreads, Task
from services.voice.engines import Engine, EngineFailed

E = TypeVar("E", bound=Engine)
R = TypeVar("R")
_log = telemetry.get_logger()

ABANDON_AFTER_SECONDS = 2.0
"""How long a call that was told to stop may take over it before its thread is given up."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an operator wants to know of an engine. Seconds, bytes; real_time_factor: processing / audio."""

    name: str
    installed: bool
    model: str | None
    loaded: bool
    breaker_state: BreakerState
    last_error: str | None
    load_seconds: float | None
    resident_bytes: int | None
    real_time_factor: float | None
    running: int
    waiting: int
    stuck_threads: int


class EngineHost(Generic[E]):
    """For one event loop. `workers`: calls at a time; `waiting_max`: requests that may queue for them."""

    def __init__(
        self,
        engine: E,
        *,
        workers: int,
        waiting_max: int,
        breaker: CircuitBreaker,
        clock: Callable[[], float] = time.monotonic,
        nice: int = 5,
        abandon_after_seconds: float = ABANDON_AFTER_SECONDS,
    ) -> None:
        self.engine = engine
        self.breaker = breaker
        self.admission = Admission(engine.name, running_max=workers, waiting_max=waiting_max)
        self._threads = EngineThreads(engine.name, workers=workers, nice=nice)
        self._record = EngineRecord(clock)
        self._load_lock = threading.Lock()
        self._abandon_after_seconds = abandon_after_seconds

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def loaded(self) -> bool:
        return self._record.loaded

    async def load(self) -> None:
        """Loads the engine ahead of the first request. Raises EngineFailed."""
        await self._in_thread(self._ensure_loaded, None, None)

    async def run(
        self,
        call: Callable[[E, threading.Event], R],
        deadline: Deadline,
        *,
        timeout_seconds: float | None = None,
    ) -> R:
        """`call(engine, cancelled)` in one of the engine's threads, once there is a place.

        A result that is worthless (silence, half of the text) is judged inside `call`, which raises
        EngineFailed, so that the breaker learns of it. When the awaiting task is cancelled, `cancelled`
        is set and the breaker learns nothing. Raises Overloaded, DeadlineExceeded, or EngineFailed with
        the reason `breaker_open`, `timeout`, `stuck`, `error`, or the engine's own.
        """
        place = await self.admission.enter(deadline)
        if deadline.expired:
            place.leave()
            raise DeadlineExceeded("The deadline had passed before the engine was asked.")
        permit = self.breaker.try_acquire()
        if permit is None:
            place.leave()
            raise EngineFailed("breaker_open", f"{self.name} failed repeatedly and is given a rest")
        try:
            return await self._judged(call, deadline, timeout_seconds, permit, place)
        finally:
            permit.release()  # without effect once there was a verdict

    def note_real_time_factor(self, audio_seconds: float, processing_seconds: float) -> None:
        self._record.note_real_time_factor(audio_seconds, processing_seconds)

    def status(self) -> EngineStatus:
        record = self._record
        return EngineStatus(
            name=self.name,
            installed=self.engine.installed,
            model=self.engine.model,
            loaded=record.loaded,
            breaker_state=self.breaker.state,
            last_error=record.last_error,
            load_seconds=record.load_seconds,
            resident_bytes=record.resident_bytes,
            real_time_factor=record.real_time_factor,
            running=self.admission.running,
            waiting=self.admission.waiting,
            stuck_threads=self._threads.stuck,
        )

    async def close(self) -> None:
        """Frees the engine and ends its threads; abandoned ones are daemons and end with the process."""
        self._threads.close()
        await asyncio.to_thread(self.engine.close)

    async def _judged(
        self,
        call: Callable[[E, threading.Event], R],
        deadline: Deadline,
        timeout_seconds: float | None,
        permit: Permit,
        place: Place,
    ) -> R:
        remaining = deadline.remaining_seconds
        is_our_limit = timeout_seconds is not None and timeout_seconds < remaining
        limit = timeout_seconds if is_our_limit else remaining
        try:
            result = await self._in_thread(lambda cancelled: self._loaded_call(call, cancelled), limit, place)
        except EngineFailed as exc:
            if exc.reason == "timeout" and not is_our_limit:
                raise DeadlineExceeded("The deadline passed while the engine was at work.") from exc
            self._fail(permit, exc)
            raise
        permit.success()
        return result

    def _fail(self, permit: Permit, failure: EngineFailed) -> None:
        """A cancelled call says nothing about its engine; every other failure counts."""
        if failure.reason == "cancelled":
            return
        permit.failure()
        self._record.last_error = failure.reason
        _log.warning("engine_failed", engine=self.name, reason=failure.reason, cause=_cause(failure))

    def _loaded_call(self, call: Callable[[E, threading.Event], R], cancelled: threading.Event) -> R:
        self._ensure_loaded(cancelled)
        if cancelled.is_set():
            raise EngineFailed("cancelled")
        return call(self.engine, cancelled)

    def _ensure_loaded(self, _: threading.Event) -> None:
        if self._record.loaded:
            return
        with self._load_lock:
            if not self._record.loaded:
                self._record.load(self.engine)
                _log.info("engine_loaded", engine=self.name, seconds=self._record.load_seconds)

    async def _in_thread(
        self, call: Callable[[threading.Event], R], limit_seconds: float | None, place: Place | None
    ) -> R:
        """Sets the call's event when time is up or the awaiting task is cancelled."""
        cancelled = threading.Event()
        try:
            task = self._threads.submit(lambda: call(cancelled))
        except StuckThreads as exc:
            _leave(place)
            raise EngineFailed("stuck", f"{self.name} hangs in every thread it may have") from exc
        limit = asyncio.timeout(limit_seconds)
        answer = asyncio.wrap_future(task.future)
        answer.add_done_callback(_note_outcome)
        try:
            async with limit:
                return await asyncio.shield(answer)
        except EngineFailed:
            raise
        except Exception as exc:
            if limit.expired():  # not merely an engine's own TimeoutError
                raise EngineFailed("timeout", f"{self.name} gave no answer in its time") from exc
            raise EngineFailed("error", f"{self.name} raised {type(exc).__name__}") from exc
        finally:
            cancelled.set()
            self._settle(task, place)

    def _settle(self, task: Task[R], place: Place | None) -> None:
        """The place is free when the call has really ended, or when it is given up as hanging."""
        if task.future.done():
            _leave(place)
            return
        loop = asyncio.get_running_loop()

        def abandon() -> None:
            task.abandon()
            _leave(place)

        def ended() -> None:
            give_up.cancel()
            _leave(place)

        give_up = loop.call_later(self._abandon_after_seconds, abandon)
        task.future.add_done_callback(lambda _: _call_soon(loop, ended))


def _leave(place: Place | None) -> None:
    if place is not None:
        place.leave()


def _note_outcome(answer: "asyncio.Future[R]") -> None:
    """An abandoned call's late error is no news: asyncio would log it as never retrieved."""
    if not answer.cancelled():
        answer.exception()


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for the place
        loop.call_soon_threadsafe(call)


def _cause(failure: EngineFailed) -> str | None:
    return type(failure.__cause__).__name__ if failure.__cause__ else None

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.common.admission import Deadline
from services.common.circuit_breaker import BreakerState, CircuitBreaker
from services.common.problems import DeadlineExceeded, Overloaded
from services.voice.engine_host import EngineHost
from services.voice.engines import EngineFailed
from tests.support.clock import FakeClock
from tests.support.engines import WAIT_SECONDS, Gate, PuppetEngine

BRIEF_SECONDS = 0.02
"""Until a call that hangs for good is given up."""
CALL_SECONDS = 0.5
"""How long a call may take: it must have begun by then on the busiest machine."""
Host = EngineHost[PuppetEngine]


@asynccontextmanager
async def hosted(
    engine: PuppetEngine | None = None,
    *,
    workers: int = 1,
    waiting_max: int = 0,
    clock: Callable[[], float] | None = None,
    abandon_after_seconds: float = BRIEF_SECONDS,
) -> AsyncIterator[Host]:
    breaker = CircuitBreaker("puppet", failure_threshold=3, clock=clock or FakeClock())
    host = EngineHost(
        engine or PuppetEngine(),
        workers=workers,
        waiting_max=waiting_max,
        breaker=breaker,
        abandon_after_seconds=abandon_after_seconds,
    )
    try:
        yield host
    finally:
        await host.close()


def far() -> Deadline:
    return Deadline.after(WAIT_SECONDS)


async def begun(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.begun.wait, WAIT_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's, it has no event
            await asyncio.sleep(0)


async def reason_of(host: Host, call: Callable[[PuppetEngine, threading.Event], object]) -> str:
    with pytest.raises(EngineFailed) as failure:
        await host.run(call, far())
    return failure.value.reason


async def test_the_engine_is_loaded_once_at_its_first_call() -> None:
    engine = PuppetEngine()
    async with hosted(engine) as host:
        assert not host.loaded
        assert [await host.run(lambda one, _: one.name, far()) for _ in range(3)] == ["puppet"] * 3
        assert engine.loads == 1
        assert host.status().loaded
        assert host.status().load_seconds is not None
    assert engine.closes == 1


async def test_an_engine_that_cannot_be_loaded_has_failed() -> None:
    def refuse() -> None:
        raise OSError("the file is damaged")

    async with hosted(PuppetEngine(loading=refuse)) as host:
        assert await reason_of(host, lambda *_: None) == "load_failed"
        assert host.status().last_error == "load_failed"
        with pytest.raises(EngineFailed):
            await host.load()


async def test_one_request_more_than_run_and_wait_is_refused_at_once() -> None:
    async with hosted(workers=1, waiting_max=1) as host:
        gate = Gate()
        running = asyncio.create_task(host.run(lambda *_: gate(), far()))
        await begun(gate)
        waiting = asyncio.create_task(host.run(lambda *_: "next", far()))
        await until(lambda: host.admission.waiting == 1)
        with pytest.raises(Overloaded):
            await host.run(lambda *_: None, far())
        gate.opened.set()
        assert await running == "through"
        assert await waiting == "next"
        assert (host.status().running, host.status().waiting) == (0, 0)


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), TimeoutError("its own"), StopIteration(), SystemExit(3), MemoryError()]
)
async def test_whatever_an_engine_raises_becomes_one_kind_of_failure(error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    async with hosted() as host:
        assert await reason_of(host, fail) == "error"
        assert await host.run(lambda *_: "well again", far()) == "well again"


async def test_a_verdict_of_the_engine_itself_keeps_its_reason() -> None:
    def silent(*_: object) -> None:
        raise EngineFailed("silence")

    async with hosted() as host:
        assert await reason_of(host, silent) == "silence"
        assert host.status().last_error == "silence"


async def test_failures_in_a_row_open_the_breaker_and_a_good_probe_closes_it() -> None:
    clock = FakeClock()

    def fail(*_: object) -> None:
        raise EngineFailed("silence")

    async with hosted(clock=clock) as host:
        for _ in range(3):
            await reason_of(host, fail)
        assert host.status().breaker_state is BreakerState.OPEN
        assert await reason_of(host, lambda *_: None) == "breaker_open"
        assert host.admission.running == 0
        clock.advance(60.0)
        assert await host.run(lambda *_: "probe", far()) == "probe"
        assert host.status().breaker_state is BreakerState.CLOSED


async def test_a_call_past_its_own_limit_has_failed_and_is_told_to_stop() -> None:
    told = threading.Event()

    def obedient(_: PuppetEngine, cancelled: threading.Event) -> None:
        if cancelled.wait(WAIT_SECONDS):
            told.set()

    async with hosted() as host:
        with pytest.raises(EngineFailed) as failure:
            await host.run(obedient, far(), timeout_seconds=CALL_SECONDS)
        assert failure.value.reason == "timeout"
        assert await asyncio.to_thread(told.wait, WAIT_SECONDS)
        await until(lambda: host.admission.running == 0)
        assert host.breaker.consecutive_failures == 1
        assert host.status().stuck_threads == 0


async def test_a_call_past_the_clients_deadline_says_nothing_about_the_engine() -> None:
    async with hosted() as host:
        gate = Gate()
        with pytest.raises(DeadlineExceeded):
            await host.run(lambda *_: gate(), Deadline.after(CALL_SECONDS), timeout_seconds=60.0)
        assert host.breaker.consecutive_failures == 0
        gate.opened.set()


async def test_an_engine_is_not_asked_once_the_deadline_has_passed() -> None:
    asked = threading.Event()
    async with hosted() as host:
        with pytest.raises(DeadlineExceeded):
            await host.run(lambda *_: asked.set(), Deadline.after(0.0))
        assert host.admission.running == 0
    assert not asked.is_set()


async def test_a_cancelled_request_stops_its_call_and_keeps_its_place_until_it_has_ended() -> None:
    beginning, ending = Gate(), Gate()
    beginning.opened.set()

    def slow_to_stop(_: PuppetEngine, cancelled: threading.Event) -> None:
        beginning()
        assert cancelled.wait(WAIT_SECONDS)
        ending()

    async with hosted(abandon_after_seconds=WAIT_SECONDS) as host:
        request = asyncio.create_task(host.run(slow_to_stop, far()))
        await begun(beginning)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        assert request.cancelled()
        await begun(ending)
        assert host.admission.running == 1, "the thread is still at it"
        ending.opened.set()
        await until(lambda: host.admission.running == 0)
        assert host.breaker.consecutive_failures == 0


async def test_a_call_that_does_not_stop_gives_its_place_and_its_thread_to_the_next() -> None:
    async with hosted(waiting_max=1) as host:
        hung = Gate()
        with pytest.raises(EngineFailed):
            await host.run(lambda *_: hung(), far(), timeout_seconds=CALL_SECONDS)
        assert await host.run(lambda *_: "served", far()) == "served"
        assert host.status().stuck_threads == 1
        hung.opened.set()
        await until(lambda: host.status().stuck_threads == 0)


async def test_an_engine_that_hangs_in_every_thread_is_refused_work_until_one_comes_back() -> None:
    async with hosted(waiting_max=1, clock=FakeClock()) as host:
        host.breaker.failure_threshold = 100
        gates = [Gate() for _ in range(4)]
        for gate in gates:
            with pytest.raises(EngineFailed):
                await host.run(lambda *_, gate=gate: gate(), far(), timeout_seconds=CALL_SECONDS)
        await until(lambda: host.status().stuck_threads == 4)
        assert await reason_of(host, lambda *_: None) == "stuck"
        gates[0].opened.set()
        await until(lambda: host.status().stuck_threads == 3)
        assert await host.run(lambda *_: "served", far()) == "served"
        for gate in gates:
            gate.opened.set()


async def test_a_probe_whose_caller_goes_away_leaves_the_probe_to_the_next() -> None:
    clock = FakeClock()

    def fail(*_: object) -> None:
        raise EngineFailed("silence")

    async with hosted(clock=clock) as host:
        for _ in range(3):
            await reason_of(host, fail)
        clock.advance(60.0)
        gate = Gate()
        probe = asyncio.create_task(host.run(lambda *_: gate(), far()))
        await begun(gate)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        gate.opened.set()
        await until(lambda: host.admission.running == 0)
        assert await host.run(lambda *_: "second probe", far()) == "second probe"
        assert host.status().breaker_state is BreakerState.CLOSED


async def test_a_call_whose_client_left_while_the_engine_was_loading_is_not_made() -> None:
    loading, asked = Gate(), threading.Event()
    async with hosted(PuppetEngine(loading=loading)) as host:
        request = asyncio.create_task(host.run(lambda *_: asked.set(), far()))
        await begun(loading)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        loading.opened.set()
        await until(lambda: host.loaded and host.admission.running == 0)
    assert not asked.is_set()


async def test_pace_is_the_median_of_the_latest_calls() -> None:
    async with hosted() as host:
        assert host.status().real_time_factor is None
        for seconds in (1.0, 2.0, 9.0):
            host.note_real_time_factor(10.0, seconds)
        assert host.status().real_time_factor == pytest.approx(0.2)

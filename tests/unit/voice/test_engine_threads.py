import concurrent.futures
import gc
import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest

from services.voice.engine_threads import STUCK_MAX, CallBroke, EngineThreads, StuckThreads
from tests.support.engines import WAIT_SECONDS, Gate


def test_no_more_calls_run_at_a_time_than_there_are_workers() -> None:
    threads = EngineThreads("puppet", workers=2)
    gates = [Gate() for _ in range(3)]
    tasks = [threads.submit(gate) for gate in gates]
    assert gates[0].begun.wait(WAIT_SECONDS)
    assert gates[1].begun.wait(WAIT_SECONDS)
    assert not gates[2].begun.is_set()
    gates[0].opened.set()
    assert gates[2].begun.wait(WAIT_SECONDS)
    for gate in gates:
        gate.opened.set()
    assert [task.future.result(WAIT_SECONDS) for task in tasks] == ["through"] * 3
    threads.close()


def test_one_thread_serves_one_call_after_another() -> None:
    threads = EngineThreads("puppet", workers=4)
    names = {threads.submit(threading.get_ident).future.result(WAIT_SECONDS) for _ in range(20)}
    assert len(names) == 1
    threads.close()


def test_a_hung_call_is_given_up_and_its_thread_replaced() -> None:
    threads = EngineThreads("puppet", workers=1)
    hung = Gate()
    task = threads.submit(hung)
    assert hung.begun.wait(WAIT_SECONDS)
    waiting = threads.submit(lambda: "served")
    task.abandon()
    assert threads.stuck == 1
    assert waiting.future.result(WAIT_SECONDS) == "served"
    hung.opened.set()
    threads.close()


def test_a_thread_that_comes_back_from_a_hung_call_is_no_longer_counted_and_ends() -> None:
    threads = EngineThreads("puppet", workers=1)
    hung = Gate()
    task = threads.submit(hung)
    assert hung.begun.wait(WAIT_SECONDS)
    task.abandon()
    task.abandon()
    assert threads.stuck == 1, "abandoning twice counts once"
    threads.submit(lambda: None).future.result(WAIT_SECONDS)
    hung.opened.set()
    assert task.future.result(WAIT_SECONDS) == "through"
    assert threads.stuck == 0
    gate_a, gate_b = Gate(), Gate()
    threads.submit(gate_a)
    threads.submit(gate_b)
    assert gate_a.begun.wait(WAIT_SECONDS)
    assert not gate_b.begun.is_set(), "one worker again, not two"
    gate_a.opened.set()
    gate_b.opened.set()
    threads.close()


def test_replacements_are_bounded() -> None:
    threads = EngineThreads("puppet", workers=1)
    gates = [Gate() for _ in range(STUCK_MAX)]
    for gate in gates:
        task = threads.submit(gate)
        assert gate.begun.wait(WAIT_SECONDS)
        task.abandon()
    with pytest.raises(StuckThreads):
        threads.submit(lambda: None)
    gates[0].opened.set()
    for gate in gates:
        gate.opened.set()


def test_a_call_given_up_before_its_turn_never_runs() -> None:
    threads = EngineThreads("puppet", workers=1)
    first, ran = Gate(), threading.Event()
    threads.submit(first)
    assert first.begun.wait(WAIT_SECONDS)
    threads.submit(ran.set).abandon()
    last = threads.submit(lambda: "served")
    first.opened.set()
    assert last.future.result(WAIT_SECONDS) == "served"
    assert not ran.is_set()
    assert threads.stuck == 0
    threads.close()


def _exit() -> None:
    raise SystemExit(1)


def _stop_iteration() -> None:
    raise StopIteration


def _cancelled() -> None:
    raise concurrent.futures.CancelledError


@pytest.mark.parametrize("call", [_exit, _stop_iteration, _cancelled])
def test_what_a_future_cannot_carry_arrives_as_an_ordinary_error(call: Callable[[], None]) -> None:
    threads = EngineThreads("puppet", workers=1)
    error = threads.submit(call).future.exception(WAIT_SECONDS)
    assert isinstance(error, CallBroke)
    assert threads.submit(lambda: "served").future.result(WAIT_SECONDS) == "served"
    threads.close()


def test_an_idle_thread_does_not_keep_the_last_calls_audio_alive() -> None:
    threads = EngineThreads("puppet", workers=1)
    audio = np.zeros(1000)
    kept = weakref.ref(audio)
    task = threads.submit(lambda samples=audio: samples.sum())  # type: ignore[misc]  # mypy infers no default's type
    task.future.result(WAIT_SECONDS)
    del audio, task
    threads.submit(lambda: None).future.result(WAIT_SECONDS)
    gc.collect()
    assert kept() is None
    threads.close()


def test_closing_ends_the_threads() -> None:
    threads = EngineThreads("closing", workers=1)
    threads.submit(lambda: None).future.result(WAIT_SECONDS)
    worker = next(thread for thread in threading.enumerate() if thread.name == "closing-engine")
    threads.close()
    worker.join(WAIT_SECONDS)
    assert not worker.is_alive()

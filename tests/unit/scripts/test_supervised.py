"""One process under supervision, with a machine that is not real and a clock that is held in the hand."""

import asyncio

import pytest

from scripts.local_stack.backoff import Backoff
from scripts.local_stack.processes import how_it_ended
from scripts.local_stack.snapshot import Phase, ProcessState
from scripts.local_stack.supervised import DidNotStart, SupervisedProcess
from tests.support.machine import FakeMachine, until


class Watched:
    """A supervised process with its machine, the states it reported and the seconds it slept."""

    def __init__(self, **limits: float) -> None:
        self.machine = FakeMachine()
        self.states: list[ProcessState] = []
        self.slept: list[float] = []
        self.seconds = 0.0
        self.process = SupervisedProcess(
            self.machine.spec("voice", **limits),
            self.machine.launch,
            self.states.append,
            clock=lambda: self.seconds,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    @property
    def phases(self) -> list[Phase]:
        return [state.phase for state in self.states]

    async def until(self, phase: Phase, restarts: int = 0) -> None:
        await until(lambda: self.process.state.phase is phase and self.process.state.restarts >= restarts)


async def test_a_process_is_started_when_its_probe_says_so() -> None:
    watched = Watched()
    starting = asyncio.create_task(watched.process.start())
    await watched.until(Phase.STARTING)
    assert not starting.done()
    watched.machine.ready.add("voice")
    await starting
    assert watched.phases == [Phase.STARTING, Phase.READY]


async def test_a_process_that_ends_before_it_is_ready_did_not_start() -> None:
    watched = Watched()
    watched.machine.dies_at_start["voice"] = 2
    with pytest.raises(DidNotStart, match="ended with exit code 2"):
        await watched.process.start()
    assert watched.process.state.phase is Phase.FAILED
    assert watched.process.state.note == "It ended with exit code 2."


async def test_a_process_that_is_not_ready_in_time_is_killed() -> None:
    watched = Watched(start_seconds=0.01)
    watched.machine.stubborn.add("voice")
    with pytest.raises(DidNotStart, match=r"was not ready after 0\.01 s"):
        await watched.process.start()
    assert watched.machine.events == ["start voice", "stop voice", "kill voice"]


async def test_a_process_that_dies_is_started_again_and_says_how_it_died() -> None:
    watched = Watched()
    watched.machine.ready.add("voice")
    await watched.process.start()
    keeping = asyncio.create_task(watched.process.keep())
    watched.machine.running["voice"].end(-9)
    await watched.until(Phase.READY, restarts=1)
    keeping.cancel()
    assert watched.phases == [Phase.STARTING, Phase.READY, Phase.RESTARTING, Phase.STARTING, Phase.READY]
    assert watched.process.state.note == "It was ended by SIGKILL; started again after 0.5 s."


async def test_one_that_cannot_come_back_is_tried_for_ever_with_growing_pauses() -> None:
    watched = Watched()
    watched.machine.ready.add("voice")
    await watched.process.start()
    watched.machine.dies_at_start["voice"] = 1
    keeping = asyncio.create_task(watched.process.keep())
    watched.machine.running["voice"].end(1)
    await watched.until(Phase.RESTARTING, restarts=4)
    del watched.machine.dies_at_start["voice"]
    await watched.until(Phase.READY, restarts=4)
    keeping.cancel()
    assert [seconds for seconds in watched.slept if seconds >= 0.5] == [0.5, 1.0, 2.0, 4.0]


async def test_a_process_is_asked_to_end_before_it_is_killed() -> None:
    watched = Watched(stop_seconds=0.01)
    watched.machine.ready.add("voice")
    watched.machine.stubborn.add("voice")
    await watched.process.start()
    await watched.process.stop()
    assert watched.machine.events == ["start voice", "stop voice", "kill voice"]
    assert watched.process.state.phase is Phase.STOPPED


async def test_in_a_hurry_it_is_killed_without_waiting() -> None:
    watched = Watched(stop_seconds=3600)
    watched.machine.ready.add("voice")
    watched.machine.stubborn.add("voice")
    await watched.process.start()
    async with asyncio.timeout(5):
        await watched.process.stop(hurry=True)
    assert watched.machine.events[-1] == "kill voice"


async def test_stopping_what_was_never_started_says_nothing() -> None:
    watched = Watched()
    await watched.process.stop()
    assert watched.states == []


def test_the_pauses_double_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.after_death(1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_process_that_ran_for_a_minute_begins_with_the_shortest_pause_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after_death(1.0)
    assert backoff.after_death(59.9) == 16
    assert backoff.after_death(60.0) == 0.5


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (0, "ended with exit code 0"),
        (2, "ended with exit code 2"),
        (-15, "was ended by SIGTERM"),
        (-99, "was ended by signal 99"),
    ],
)
def test_an_exit_code_becomes_words(code: int, sentence: str) -> None:
    assert how_it_ended(code) == sentence

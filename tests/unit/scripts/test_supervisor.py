"""The whole stack: its order, its failure at the start, its stop. With a machine that is not real."""

import asyncio
from pathlib import Path

import pytest

from scripts.local_stack.snapshot import Canary, Phase, StackState, StateFile
from scripts.local_stack.supervisor import Supervisor
from tests.support.machine import FakeMachine, until

FIRST = StackState(Phase.STARTING, "http://localhost:8080", "small", None, started_at=0.0)


class Stack:
    """store → voice, chat → gateway, under a supervisor that writes into a folder of the test."""

    def __init__(self, folder: Path, canary: Canary | None = None) -> None:
        self.machine = machine = FakeMachine()
        self.canary = canary or Canary(True, "It spoke and understood itself.", 1.0)
        self.file = StateFile(folder / "state.json")
        self.states: list[StackState] = []
        self.file.on_change = self.states.append
        specs = [
            machine.spec("store"),
            machine.spec("voice"),
            machine.spec("chat", "store"),
            machine.spec("gateway", "voice", "chat"),
        ]
        self.supervisor = Supervisor(
            specs, FIRST, self.file, launch=machine.launch, canary=self._sing, sleep=self._sleep
        )

    async def _sing(self) -> Canary:
        self.machine.events.append("canary")
        return self.canary

    async def _sleep(self, _: float) -> None:
        await asyncio.sleep(0)

    async def happened(self, event: str) -> None:
        await until(lambda: event in self.machine.events)

    async def until(self, *phases: Phase) -> None:
        await until(lambda: bool(self.states) and self.states[-1].phase in phases)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


async def test_a_process_starts_when_those_before_it_are_ready_and_the_canary_sings_last(
    stack: Stack,
) -> None:
    running = asyncio.create_task(stack.supervisor.run())
    for name in ("store", "voice", "chat", "gateway"):
        await stack.happened(f"start {name}")
        stack.machine.ready.add(name)
    await stack.until(Phase.READY)
    assert stack.machine.events == ["start store", "start voice", "start chat", "start gateway", "canary"]
    stack.supervisor.request_stop()
    assert await running


async def test_they_stop_in_the_opposite_order_and_leave_no_state_behind(stack: Stack) -> None:
    stack.machine.ready.update({"store", "voice", "chat", "gateway"})
    running = asyncio.create_task(stack.supervisor.run())
    await stack.until(Phase.READY)
    stack.supervisor.request_stop()
    assert await running
    assert stack.machine.events[-4:] == ["stop gateway", "stop chat", "stop voice", "stop store"]
    assert not stack.file.path.exists()


async def test_one_that_does_not_start_stops_the_others_and_is_named_in_the_state(stack: Stack) -> None:
    stack.machine.ready.update({"store", "chat"})
    stack.machine.dies_at_start["voice"] = 2
    assert not await stack.supervisor.run()
    assert "start gateway" not in stack.machine.events
    assert stack.machine.events[-1] == "stop store"
    left = stack.file.read()
    assert left is not None
    assert (left.phase, left.failed, left.note) == (Phase.FAILED, "voice", "It ended with exit code 2.")


async def test_a_stop_during_the_start_ends_what_was_started_and_starts_no_more(stack: Stack) -> None:
    stack.machine.ready.add("store")
    running = asyncio.create_task(stack.supervisor.run())
    await stack.happened("start chat")
    stack.supervisor.request_stop()
    assert await running
    assert stack.machine.events[-3:] == ["stop chat", "stop voice", "stop store"]
    assert "start gateway" not in stack.machine.events


async def test_a_second_request_to_stop_kills(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.machine.ready.update({"store", "voice", "chat", "gateway"})
    stack.machine.stubborn.update({"store", "voice", "chat", "gateway"})
    running = asyncio.create_task(stack.supervisor.run())
    await stack.until(Phase.READY)
    stack.supervisor.request_stop()
    await stack.happened("stop gateway")
    stack.supervisor.request_stop()
    async with asyncio.timeout(5):
        await running
    assert {f"kill {name}" for name in ("store", "voice", "chat", "gateway")} <= set(stack.machine.events)


async def test_a_canary_that_fails_is_told_but_stops_nothing(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Canary(False, "It spoke, but did not understand itself.", 2.0))
    stack.machine.ready.update({"store", "voice", "chat", "gateway"})
    running = asyncio.create_task(stack.supervisor.run())
    await stack.until(Phase.READY)
    written = stack.file.read()
    assert written is not None
    assert written.canary == stack.canary
    stack.supervisor.request_stop()
    assert await running


async def test_a_death_is_written_down_while_the_others_go_on(stack: Stack) -> None:
    stack.machine.ready.update({"store", "voice", "chat", "gateway"})
    running = asyncio.create_task(stack.supervisor.run())
    await stack.until(Phase.READY)
    stack.machine.running["voice"].end(-9)
    await until(lambda: stack.machine.events.count("start voice") == 2)
    assert stack.machine.events.count("start gateway") == 1
    written = stack.file.read()
    assert written is not None
    assert {one.name: one.restarts for one in written.processes}["voice"] == 1
    stack.supervisor.request_stop()
    assert await running

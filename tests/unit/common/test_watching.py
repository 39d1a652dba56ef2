"""A state comes at once, and again only when it has changed."""

import asyncio

from services.common.draining import Draining
from services.common.watching import State, changes


async def test_a_state_comes_at_once_and_again_when_it_has_changed() -> None:
    states = [{"running": 0}, {"running": 0}, {"running": 1}, {"running": 1}, {"running": 0}]
    looks = 0

    async def read() -> State:
        nonlocal looks
        state = states[min(looks, len(states) - 1)]
        looks += 1
        return dict(state)

    watching = changes(read, Draining(), every_seconds=0)
    async with asyncio.timeout(5):
        seen = [await anext(watching) for _ in range(3)]
    assert seen == [{"running": 0}, {"running": 1}, {"running": 0}]
    assert looks == len(states)


async def test_it_ends_when_the_process_is_about_to() -> None:
    draining = Draining()

    async def read() -> State:
        return {"running": 0}

    async def watch() -> list[State]:
        return [state async for state in changes(read, draining, every_seconds=0)]

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.01)
    assert not watching.done()
    draining.begun = True
    async with asyncio.timeout(5):
        assert await watching == [{"running": 0}]

"""The roles of two colours in a real Valkey, with watchers that beat."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.common.blue_green import Colour, Roles, RolesUnavailable, RoleWatch, SharedRoles
from tests.support.eventually import eventually
from tests.support.valkey import ValkeyProcess

BLUE, GREEN = Colour.BLUE, Colour.GREEN
KEY = "gateway:langgraph-enhanced:active"


@pytest.fixture(name="client")
async def client_fixture(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    client = Redis.from_url(
        valkey.url, decode_responses=True, socket_timeout=0.5, socket_connect_timeout=0.5, protocol=2
    )
    yield client
    await client.aclose()


async def test_without_a_word_green_is_active_and_nobody_lives(client: Redis) -> None:
    assert await SharedRoles(client).read() == Roles(GREEN, frozenset())


async def test_a_word_that_is_no_colour_counts_as_none(client: Redis) -> None:
    await client.set(KEY, "purple")
    assert (await SharedRoles(client).read()).active is GREEN


async def test_the_active_colour_is_a_plain_key_that_an_operator_can_read(client: Redis) -> None:
    await SharedRoles(client).activate(BLUE)
    assert await client.get(KEY) == "blue"


async def test_a_beat_lasts_a_second_and_a_half_and_leaving_ends_it(client: Redis) -> None:
    shared = SharedRoles(client)
    assert (await shared.beat(BLUE)).alive == {BLUE}
    assert 0 < await client.pttl("gateway:langgraph-enhanced:alive:blue") <= 1500
    await shared.leave(BLUE)
    assert (await shared.read()).alive == frozenset()


async def test_the_idle_colour_steps_in_when_the_active_one_dies_and_steps_back(client: Redis) -> None:
    shared = SharedRoles(client)
    blue, green = RoleWatch(shared, BLUE), RoleWatch(shared, GREEN)
    running = {one: asyncio.create_task(one.run()) for one in (blue, green)}
    await eventually(lambda: len(blue.roles.alive) == 2 and not blue.serving)
    running[green].cancel()
    await eventually(lambda: blue.serving)
    running[green] = asyncio.create_task(green.run())
    await eventually(lambda: green.serving and not blue.serving)
    for task in running.values():
        task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)


async def test_a_switch_reaches_both_colours(client: Redis) -> None:
    shared = SharedRoles(client)
    blue, green = RoleWatch(shared, BLUE), RoleWatch(shared, GREEN)
    for one in (blue, green, blue):
        await one.look()
    await shared.activate(BLUE)
    for one in (blue, green):
        await one.look()
    assert (blue.serving, green.serving) == (True, False)


async def test_a_frozen_or_dead_server_is_said_and_the_role_is_kept(
    valkey: ValkeyProcess, client: Redis
) -> None:
    shared = SharedRoles(client)
    await shared.activate(BLUE)
    blue = RoleWatch(shared, BLUE)
    await blue.look()
    valkey.freeze()
    with pytest.raises(RolesUnavailable):
        await shared.read()
    valkey.thaw()
    valkey.kill()
    with pytest.raises(RolesUnavailable):
        await shared.activate(GREEN)
    await blue.look()
    assert blue.serving
    valkey.start()
    await blue.look()
    assert blue.serving

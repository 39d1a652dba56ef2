"""Blue and green behind a real Caddy, under load: what a switch may cost is nothing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.__main__ import CADDYFILE
from gateway.switching.colours import HttpColours
from gateway.switching.switch import Outcome, Patience, Switch
from services.common.blue_green import AGENT, Colour, SharedRoles
from tests.support.caddy import Gateway, running_caddy
from tests.support.eventually import eventually
from tests.support.stand_in import StandIn
from tests.support.traffic import Traffic, caller
from tests.support.valkey import ValkeyProcess

pytestmark = pytest.mark.slow
BLUE, GREEN = Colour.BLUE, Colour.GREEN
SWITCHES = 20
PREFIX = "/api/v1/langgraph/enhanced"
NOBODY_LEFT = '"cause":"none of the upstreams is well"'
"""In the gateway's log: it knew, and let nobody wait."""


@dataclass
class Pair:
    gateway: Gateway
    blue: StandIn
    green: StandIn
    roles: SharedRoles
    client: httpx.AsyncClient
    told: list[str] = field(default_factory=list)

    async def switch(self, target: Colour, watch_seconds: float = 0.3) -> Outcome:
        upstreams = {BLUE: self.blue.upstream, GREEN: self.green.upstream}
        colours = HttpColours(self.client, upstreams, ready_path="/health/ready", timeout_seconds=5)
        patience = Patience(takeover_seconds=20, watch_seconds=watch_seconds, drain_seconds=0)
        return await Switch(AGENT, self.roles, colours, self.told.append, patience).to(target)


@pytest.fixture(name="pair")
async def pair_fixture(valkey: ValkeyProcess, tmp_path: Path) -> AsyncIterator[Pair]:
    blue, green = (StandIn(colour, redis_url=valkey.url, colour=colour) for colour in (BLUE, GREEN))
    upstreams = {"LANGGRAPH_ENHANCED_UPSTREAMS": f"{green.upstream} {blue.upstream}"}
    async with AsyncExitStack() as stack:
        for one in (blue, green):
            one.start()
            stack.callback(one.stop)
        gateway = stack.enter_context(running_caddy(CADDYFILE, tmp_path, upstreams, tmp_path))
        client = await stack.enter_async_context(caller(gateway.url))
        redis = await stack.enter_async_context(
            Redis.from_url(valkey.url, decode_responses=True, socket_timeout=5, socket_connect_timeout=5)
        )
        await _served_by(client, GREEN)
        yield Pair(gateway, blue, green, SharedRoles(redis), client)


async def _served_by(client: httpx.AsyncClient, colour: Colour) -> None:
    async with asyncio.timeout(20):
        while True:
            reply = await client.get(f"{PREFIX}/version")
            if reply.status_code == 200 and reply.json()["service"] == colour:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def open_stream(pair: Pair) -> AsyncIterator[list[int]]:
    """The numbers of one SSE stream, as they come; it must still be running at the end."""
    numbers: list[int] = []

    async def read() -> None:
        async with pair.client.stream("GET", f"{PREFIX}/long/stream", timeout=None) as reply:
            async for line in reply.aiter_lines():
                if not line:
                    continue
                numbers.append(int(line.removeprefix("data: ")))

    reading = asyncio.create_task(read())
    await eventually(lambda: len(numbers) > 0)
    yield numbers
    count = len(numbers)
    await eventually(lambda: len(numbers) > count or reading.done())
    assert not reading.done(), "the stream was cut"
    assert numbers == list(range(len(numbers)))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_twenty_switches_under_load_lose_no_request_and_cut_no_stream(pair: Pair) -> None:
    traffic = Traffic(pair.gateway.port, f"{PREFIX}/chat", per_second=60, write_share=0.5)
    socket_url = f"ws://localhost:{pair.gateway.port}{PREFIX}/socket"
    async with connect(socket_url) as socket, open_stream(pair), traffic.flowing():
        for count in range(SWITCHES):
            assert await pair.switch(BLUE if count % 2 == 0 else GREEN) is Outcome.MOVED, pair.told
        await socket.send("still there?")
        assert await socket.recv() == "still there?"
    assert [(one.method, one.status, one.error) for one in traffic.lost()] == []
    assert {one.who for one in traffic.exchanges} == {BLUE, GREEN}


async def test_a_broken_target_is_refused_and_nobody_notices(pair: Pair) -> None:
    pair.blue.break_down("the model is missing")
    async with Traffic(pair.gateway.port, f"{PREFIX}/chat", per_second=40).flowing() as traffic:
        assert await pair.switch(BLUE) is Outcome.REFUSED
    assert pair.told == [
        "blue would not serve: inside: the model is missing. Nothing was switched; green serves on."
    ]
    assert {one.who for one in traffic.exchanges} == {GREEN}


async def test_a_target_that_breaks_in_the_window_is_rolled_back_and_no_request_is_lost(pair: Pair) -> None:
    async with Traffic(
        pair.gateway.port, f"{PREFIX}/chat", per_second=40, write_share=0.5
    ).flowing() as traffic:
        switching = asyncio.create_task(pair.switch(BLUE, watch_seconds=20))
        await _served_by(pair.client, BLUE)
        await asyncio.to_thread(pair.blue.break_down, "it lost its model")
        assert await switching is Outcome.ROLLED_BACK
        await _served_by(pair.client, GREEN)
    assert traffic.lost() == []
    assert "blue failed: inside: it lost its model. Rolled back: green is active again." in pair.told


async def test_the_idle_colour_steps_in_for_a_killed_one_and_no_read_is_lost(pair: Pair) -> None:
    async with Traffic(
        pair.gateway.port, f"{PREFIX}/chat", per_second=40, write_share=0.3
    ).flowing() as traffic:
        await asyncio.to_thread(pair.green.kill)
        await _served_by(pair.client, BLUE)
    assert [one for one in traffic.lost() if one.method == "GET"] == []
    assert len(traffic.lost()) <= 2, "a write may be lost only if it was under way"


async def test_with_both_colours_dead_a_request_and_a_handshake_are_told_so_and_not_left_to_wait(
    pair: Pair,
) -> None:
    for one in (pair.green, pair.blue):
        await asyncio.to_thread(one.kill)
    for method in ("GET", "POST"):
        refusal = await _refused(pair, method)
        assert refusal.headers["content-type"] == "application/problem+json"
        assert refusal.json()["detail"].startswith("The agent is not available just now.")
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://localhost:{pair.gateway.port}{PREFIX}/socket")
    assert refused.value.response.status_code == 503
    assert b"/problems/service-unavailable" in (refused.value.response.body or b"")
    assert pair.gateway.log.count(NOBODY_LEFT) >= 3
    await asyncio.to_thread(pair.blue.start)
    await _served_by(pair.client, BLUE)


async def _refused(pair: Pair, method: str) -> httpx.Response:
    """Once the gateway knows that nobody is left."""
    async with asyncio.timeout(30):
        while True:
            before = pair.gateway.log.count(NOBODY_LEFT)
            reply = await pair.client.request(method, f"{PREFIX}/chat")
            if reply.status_code == 503 and pair.gateway.log.count(NOBODY_LEFT) > before:
                return reply
            await asyncio.sleep(0.05)


async def test_the_command_finds_the_pair_and_moves_it(pair: Pair, valkey: ValkeyProcess) -> None:
    upstreams = f"{pair.green.upstream} {pair.blue.upstream}"
    options = ("--to", "blue", "--watch", "0.3", "--drain", "0", "--redis-url", valkey.url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "switch", *options),
        env={**os.environ, "LANGGRAPH_ENHANCED_UPSTREAMS": upstreams},
        stdout=asyncio.subprocess.PIPE,
        cwd=CADDYFILE.parent.parent,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert output.splitlines()[-1] == "langgraph-enhanced is blue."
    await _served_by(pair.client, BLUE)

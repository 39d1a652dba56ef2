"""What the scenes of bench/gateway.py play on: real Caddy, real processes, 200 requests a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from gateway.__main__ import CADDYFILE
from services.common.blue_green import Colour
from tests.support.caddy import Gateway, running_caddy
from tests.support.stand_in import StandIn
from tests.support.traffic import Traffic, caller
from tests.support.valkey import ValkeyProcess

RATE_PER_SECOND = 200.0
VOICE, CHAT, AGENT_CHAT = "/api/v1/voice/voices", "/api/v1/chat-service/x", "/api/v1/langgraph/enhanced/chat"
NOTICED_SECONDS = 2.0
"""By then every health check has said its word."""


@dataclass
class Stage:
    """Caddy with the committed file; two replicas of voice, one chat of known capacity."""

    gateway: Gateway
    one: StandIn
    two: StandIn
    chat: StandIn
    client: httpx.AsyncClient

    def traffic(self, path: str = VOICE, **options: float) -> Traffic:
        return Traffic(self.gateway.port, path, **{"per_second": RATE_PER_SECOND, **options})


@dataclass
class Pair:
    """Caddy with the committed file before both colours of the agent; green serves."""

    gateway: Gateway
    colours: dict[Colour, StandIn]
    client: httpx.AsyncClient
    redis_url: str

    def traffic(self) -> Traffic:
        return Traffic(self.gateway.port, AGENT_CHAT, RATE_PER_SECOND, write_share=0.5)


@asynccontextmanager
async def stage(**chat_settings: float) -> AsyncIterator[Stage]:
    one, two, chat = StandIn("one"), StandIn("two"), StandIn("chat", **chat_settings)
    upstreams = {
        "VOICE_INTERACTION_SERVICE_UPSTREAMS": f"{one.upstream} {two.upstream}",
        "CHAT_SERVICE_UPSTREAMS": chat.upstream,
    }
    async with AsyncExitStack() as stack:
        gateway, client = await _behind_caddy(stack, [one, two, chat], upstreams)
        yield Stage(gateway, one, two, chat, client)


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        valkey = ValkeyProcess(Path(stack.enter_context(TemporaryDirectory())))
        valkey.start()
        stack.callback(valkey.stop)
        colours = {colour: StandIn(colour, redis_url=valkey.url, colour=colour) for colour in Colour}
        addresses = f"{colours[Colour.GREEN].upstream} {colours[Colour.BLUE].upstream}"
        upstreams = {"LANGGRAPH_ENHANCED_UPSTREAMS": addresses}
        gateway, client = await _behind_caddy(stack, list(colours.values()), upstreams)
        yield Pair(gateway, colours, client, valkey.url)


async def _behind_caddy(
    stack: AsyncExitStack, services: list[StandIn], upstreams: dict[str, str]
) -> tuple[Gateway, httpx.AsyncClient]:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    for service in services:
        service.launch()
        stack.callback(service.stop)
    for service in services:
        await asyncio.to_thread(service.wait_until_live)
    gateway = stack.enter_context(running_caddy(CADDYFILE, folder, upstreams, folder))
    client = await stack.enter_async_context(caller(gateway.url))
    await asyncio.sleep(NOTICED_SECONDS)
    return gateway, client

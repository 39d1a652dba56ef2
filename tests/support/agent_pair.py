"""Both colours of the real agent behind the real gateway: processes that can be killed, over one Valkey."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.__main__ import CADDYFILE
from services.common.blue_green import Colour
from tests.support.agent_model import AgentModel
from tests.support.caddy import Gateway, running_caddy
from tests.support.own_process import OwnProcess
from tests.support.scripted_model import MODEL
from tests.support.serving import serving
from tests.support.tokens import SECRET, bearer
from tests.support.traffic import caller
from tests.support.valkey import ValkeyProcess

AGENT = "/api/v1/langgraph/enhanced"
_SERVED_SECONDS = 60.0
_RETRY_SECONDS = "0.01"


@dataclass
class Run:
    """What `python -m gateway switch` said, and how it ended."""

    code: int
    lines: list[str]


@dataclass
class AgentPair:
    """`client` asks the gateway, as ann. `model` is what both colours ask."""

    gateway: Gateway
    colours: dict[Colour, OwnProcess]
    model: AgentModel
    client: httpx.AsyncClient
    redis_url: str

    async def ask(self, message: str, **more: Any) -> dict[str, Any]:
        reply = await self.client.post(f"{AGENT}/chat", json={"message": message, **more})
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def events(self, message: str) -> AsyncIterator[tuple[str, Any]]:
        """The events of a streamed run: name and content."""
        body = {"message": message, "stream": True}
        async with self.client.stream("POST", f"{AGENT}/chat", json=body, timeout=None) as reply:
            assert reply.status_code == 200
            name = ""
            async for line in reply.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    async def served_by(self, colour: Colour) -> None:
        """Until it is this colour that answers."""
        async with asyncio.timeout(_SERVED_SECONDS):
            while True:
                reply = await self.client.get(f"{AGENT}/version")
                if reply.status_code == 200 and reply.json()["colour"] == colour:
                    return
                await asyncio.sleep(0.05)

    async def switch(self, colour: Colour, *, watch: float = 0.3, drain: float = 0.0) -> Run:
        """With the real command."""
        options = (
            "--to",
            colour,
            "--watch",
            f"{watch}",
            "--drain",
            f"{drain}",
            "--redis-url",
            self.redis_url,
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "switch", *options),
            env={**os.environ, **_upstreams(self.colours)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=CADDYFILE.parent.parent,
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode is not None
        return Run(process.returncode, output.splitlines())


@asynccontextmanager
async def agent_pair(folder: Path) -> AsyncIterator[AgentPair]:
    """Green serves when it begins."""
    async with AsyncExitStack() as stack:
        valkey = ValkeyProcess(folder)
        valkey.start()
        stack.callback(valkey.stop)
        model = AgentModel()
        model_url = await stack.enter_async_context(serving(model.app()))
        colours = {colour: _agent(colour, valkey.url, model_url) for colour in Colour}
        for one in colours.values():
            one.launch()
            stack.callback(one.kill)
        for one in colours.values():
            await asyncio.to_thread(one.wait)
        gateway = stack.enter_context(running_caddy(CADDYFILE, folder, _upstreams(colours), folder))
        client = await stack.enter_async_context(caller(gateway.url, bearer("ann")))
        pair = AgentPair(gateway, colours, model, client, valkey.url)
        await pair.served_by(Colour.GREEN)
        yield pair


def _agent(colour: Colour, redis_url: str, model_url: str) -> OwnProcess:
    environment = {
        "JWT_SECRET": SECRET,
        "REDIS_URL": redis_url,
        "CHAT_LLM_CHAIN": "openai",
        "OPENAI_BASE_URL": f"{model_url}/v1",
        "OPENAI_MODEL": MODEL,
        "COLOUR": colour,
        "AGENT_RETRY_SECONDS": _RETRY_SECONDS,
        "LLM_BREAKER_FAILURE_THRESHOLD": "1000",
    }
    return OwnProcess(lambda _: ["-m", "services.agent"], "/health", environment)


def _upstreams(colours: dict[Colour, OwnProcess]) -> dict[str, str]:
    addresses = (f"127.0.0.1:{colours[colour].port}" for colour in (Colour.GREEN, Colour.BLUE))
    return {"LANGGRAPH_ENHANCED_UPSTREAMS": " ".join(addresses)}

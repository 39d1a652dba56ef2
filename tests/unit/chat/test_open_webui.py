"""The requests of Open WebUI 0.12.4 to the chat service, recorded, and sent again by the same client."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.common.language_models.provider import Message
from tests.support.chat_app import chat_app
from tests.support.chat_chain import FRIENDLY, FakeChain, answer
from tests.support.serving import serving
from tests.support.tokens import bearer

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "description": "Of its own.", "parameters": parameters}}
    for name, parameters in (
        ("get_current_timestamp", {"properties": {}, "type": "object"}),
        (
            "search_notes",
            {"properties": {"query": {"type": "string"}}, "required": ["query"], "type": "object"},
        ),
    )
]
"""Thirty-six of these go along with every message, unless somebody switches them off."""


@pytest.fixture(name="chain")
def chain_fixture() -> FakeChain:
    return FakeChain()


@pytest.fixture(name="client")
async def client_fixture(chain: FakeChain) -> AsyncIterator[aiohttp.ClientSession]:
    app, _, _ = chat_app(chain=chain, voice_url="http://127.0.0.1:9")
    async with (
        serving(app) as url,
        aiohttp.ClientSession(url, headers={"Content-Type": "application/json", **bearer("ann")}) as session,
    ):
        yield session


async def test_a_message_with_its_tools_is_answered_in_chunks(
    client: aiohttp.ClientSession, chain: FakeChain
) -> None:
    told = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Hello"}]
    body = {"stream": True, "model": "fake-1", "messages": told, "tools": TOOLS}
    async with client.post("/v1/chat/completions", data=json.dumps(body)) as reply:
        assert reply.content_type == "text/event-stream"
        lines = (await reply.text()).splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == answer("Hello")
    assert chain.asked == [[Message("system", "You are a pirate."), Message("user", "Hello")]]


async def test_the_request_for_a_title_is_answered_whole(client: aiohttp.ClientSession) -> None:
    told = [{"role": "user", "content": "### Task: a title"}]
    body = {"model": "fake-1", "messages": told, "stream": False, "max_tokens": 1000}
    async with client.post("/v1/chat/completions", data=json.dumps(body)) as reply:
        [choice] = (await reply.json())["choices"]
    assert choice["message"]["content"] == answer("### Task: a title")


async def test_when_every_model_is_away_the_sentence_is_where_it_looks_for_it(
    client: aiohttp.ClientSession,
) -> None:
    body = {
        "stream": True,
        "model": "fake-1",
        "messages": [{"role": "user", "content": "fail"}],
        "tools": TOOLS,
    }
    async with client.post("/v1/chat/completions", data=json.dumps(body)) as reply:
        assert reply.status == 503
        assert FRIENDLY in (await reply.json())["error"]["message"]


async def test_the_list_comes_though_the_request_for_it_claims_to_be_json(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/v1/models") as reply:
        assert [model["id"] for model in (await reply.json())["data"]] == ["fake-1"]

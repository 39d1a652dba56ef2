"""Ollama dies in the middle of a reply: the next provider gives the whole of it, or the reader is told."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from services.chat.app import ChatParts, create_app
from services.common.language_models.ollama_provider import OllamaProvider
from services.common.language_models.provider import ChatProvider
from tests.support.chat_app import chat_settings
from tests.support.chat_memory_store import MemoryStore
from tests.support.chat_socket import Frame, chat_socket
from tests.support.eventually import eventually_so
from tests.support.model_server import MODEL, ModelServerProcess
from tests.support.providers import chain_over, llm_settings
from tests.support.scripted_provider import DONE, ScriptedProvider
from tests.support.serving import serving
from tests.support.tokens import bearer
from tests.support.valkey import free_port

pytestmark = [pytest.mark.slow, pytest.mark.models(MODEL)]
ANN = bearer("ann")
QUESTION = "Tell me a very long story about the sea."
FRIENDLY = "No language model can answer right now. Please try again in a moment."
_PATIENCE_SECONDS = 300.0


@dataclass
class OllamaProcess:
    url: str
    process: "subprocess.Popen[bytes]"


@pytest.fixture(name="ollama")
def ollama_fixture(model_server: ModelServerProcess) -> Iterator[OllamaProcess]:
    """The test server as a process that can be killed."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.ollama_server", "--port", str(port)]
    process = subprocess.Popen([*command, "--behind", model_server.url])
    url = f"http://127.0.0.1:{port}"
    _wait_for(url, process)
    yield OllamaProcess(url, process)
    process.kill()
    process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"{url}/api/version", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the test server did not start")


def _app(ollama: OllamaProcess, *others: ChatProvider) -> FastAPI:
    settings = chat_settings(chat_lease_seconds=60)
    chain = chain_over(OllamaProvider(llm_settings(ollama_host=ollama.url)), *others)
    return create_app(settings, ChatParts(MemoryStore(settings.store_limits, time.time), chain))


async def over_events(url: str) -> AsyncIterator[Frame]:
    body = {"message": QUESTION, "session_id": "s1", "stream": True}
    async with (
        httpx.AsyncClient(timeout=_PATIENCE_SECONDS, headers=ANN) as client,
        client.stream("POST", f"{url}/api/v1/chat", json=body) as reply,
    ):
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


async def over_socket(url: str) -> AsyncIterator[Frame]:
    async with chat_socket(url, session_id="s1") as socket:
        await socket.receive()
        await socket.send(type="message", content=QUESTION)
        while True:
            frame = await socket.receive()
            yield frame
            if frame["type"] in {"done", "error"}:
                return


Listen = Callable[[str], AsyncIterator[Frame]]
ways = pytest.mark.parametrize("listen", [over_events, over_socket])


async def _frames_with_a_kill(listen: Listen, url: str, ollama: OllamaProcess) -> list[Frame]:
    """The reply's frames; Ollama is killed once the reader has the first words. Never a hang."""
    frames: list[Frame] = []
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for frame in listen(url):
            frames.append(frame)
            if len(frames) == 3:
                ollama.process.kill()
    return frames


async def _history(url: str) -> list[tuple[str, str, str]]:
    async with httpx.AsyncClient(headers=ANN) as client:
        body = (await client.get(f"{url}/api/v1/chat/history/s1")).json()
    return [(message["role"], message["status"], message["content"]) for message in body["messages"]]


@ways
async def test_the_next_provider_gives_the_whole_reply(listen: Listen, ollama: OllamaProcess) -> None:
    spare = ScriptedProvider("spare", "The sea ", "is wide.", DONE)
    async with serving(_app(ollama, spare)) as url:
        frames = await _frames_with_a_kill(listen, url, ollama)
        history = await _history(url)
    resets = [at for at, frame in enumerate(frames) if frame.get("reset")]
    assert len(resets) == 1
    after = [frame["content"] for frame in frames[resets[0] + 1 :] if frame["type"] == "delta"]
    assert after == ["The sea ", "is wide."]
    assert frames[-1]["type"] == "done"
    assert (frames[-1]["provider"], frames[-1]["degraded"]) == ("spare", True)
    assert history == [("user", "answered", QUESTION), ("assistant", "complete", "The sea is wide.")]


@ways
async def test_with_nobody_left_the_reader_is_told_and_no_half_is_kept(
    listen: Listen, ollama: OllamaProcess
) -> None:
    async with serving(_app(ollama)) as url:
        frames = await _frames_with_a_kill(listen, url, ollama)
        history = await _history(url)
    assert frames[-1]["type"] == "error"
    problem = frames[-1]["problem"]
    assert (problem["type"], problem["detail"]) == ("/problems/no-language-model", FRIENDLY)
    assert problem["attempts"] == {"ollama": "cut_off"}
    assert history == [("user", "unanswered", QUESTION)]


@pytest.mark.parametrize("spare", [True, False], ids=["chain of two", "chain of one"])
async def test_a_reply_that_is_asked_for_whole_is_whole_or_a_503(spare: bool, ollama: OllamaProcess) -> None:
    others = [ScriptedProvider("spare", "The sea ", "is wide.", DONE)] if spare else []
    async with (
        serving(_app(ollama, *others)) as url,
        httpx.AsyncClient(base_url=url, timeout=_PATIENCE_SECONDS, headers=ANN) as client,
    ):
        body = {"message": QUESTION, "session_id": "s1"}
        asking = asyncio.create_task(client.post("/api/v1/chat", json=body))
        await _first_words(client)
        ollama.process.kill()
        reply = await asking
        history = await _history(url)
    if spare:
        assert (reply.status_code, reply.json()["reply"]) == (200, "The sea is wide.")
        assert (reply.json()["provider"], reply.json()["degraded"]) == ("spare", True)
        assert history[1] == ("assistant", "complete", "The sea is wide.")
    else:
        assert (reply.status_code, reply.json()["detail"]) == (503, FRIENDLY)
        assert history == [("user", "unanswered", QUESTION)]


async def _first_words(client: httpx.AsyncClient) -> None:
    """Waits for them as a second reader of the reply: who asked for the whole hears nothing yet."""

    async def begun() -> bool:
        return (await client.get("/api/v1/chat/history/s1")).is_success

    await eventually_so(begun, _PATIENCE_SECONDS)
    [message] = (await client.get("/api/v1/chat/history/s1")).json()["messages"]
    async with chat_socket(str(client.base_url), session_id="s1") as socket:
        await socket.receive()
        await socket.send(type="resume", message_id=message["reply_id"], after_seq=0)
        await socket.until("delta")

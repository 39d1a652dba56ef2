"""Ollama dies in the middle of a reply: the next provider gives the whole of it, or the reader is told."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.chat.app import ChatParts, create_app
from services.common.language_models.ollama_provider import OllamaProvider
from services.common.language_models.provider import ChatProvider
from tests.support.chat_app import chat_settings
from tests.support.chat_memory_store import MemoryStore
from tests.support.model_server import MODEL, ModelServerProcess
from tests.support.providers import chain_over, llm_settings
from tests.support.scripted_provider import DONE, ScriptedProvider
from tests.support.serving import serving
from tests.support.tokens import bearer
from tests.support.valkey import free_port

pytestmark = [pytest.mark.slow, pytest.mark.models(MODEL)]
ANN = bearer("ann")
STORY = {"message": "Tell me a very long story about the sea.", "session_id": "s1", "stream": True}


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


async def _frames_with_a_kill(url: str, ollama: OllamaProcess) -> list[dict[str, Any]]:
    """The reply's frames; Ollama is killed once the reader has the first words."""
    frames: list[dict[str, Any]] = []
    async with (
        httpx.AsyncClient(timeout=300, headers=ANN) as client,
        client.stream("POST", f"{url}/api/v1/chat", json=STORY) as reply,
    ):
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                frames.append(json.loads(line.removeprefix("data: ")))
                if len(frames) == 3:
                    ollama.process.kill()
    return frames


async def _history(url: str) -> list[tuple[str, str, str]]:
    async with httpx.AsyncClient(headers=ANN) as client:
        body = (await client.get(f"{url}/api/v1/chat/history/s1")).json()
    return [(message["role"], message["status"], message["content"]) for message in body["messages"]]


async def test_the_next_provider_gives_the_whole_reply(ollama: OllamaProcess) -> None:
    spare = ScriptedProvider("spare", "The sea ", "is wide.", DONE)
    async with serving(_app(ollama, spare)) as url:
        frames = await _frames_with_a_kill(url, ollama)
        history = await _history(url)
    resets = [at for at, frame in enumerate(frames) if frame.get("reset")]
    assert len(resets) == 1
    after = [frame["content"] for frame in frames[resets[0] + 1 :] if frame["type"] == "delta"]
    assert after == ["The sea ", "is wide."]
    assert frames[-1]["type"] == "done"
    assert (frames[-1]["provider"], frames[-1]["degraded"]) == ("spare", True)
    assert history[1] == ("assistant", "complete", "The sea is wide.")


async def test_with_nobody_left_the_reader_is_told_and_no_half_is_kept(ollama: OllamaProcess) -> None:
    async with serving(_app(ollama)) as url:
        frames = await _frames_with_a_kill(url, ollama)
        history = await _history(url)
    assert frames[-1]["type"] == "error"
    assert frames[-1]["problem"]["type"] == "/problems/no-language-model"
    assert frames[-1]["problem"]["attempts"] == {"ollama": "cut_off"}
    assert history == [("user", "unanswered", STORY["message"])]

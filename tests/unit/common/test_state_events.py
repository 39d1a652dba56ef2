"""What can speak and what can answer, as events: at once, when it turns, and until the service goes."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import httpx
import pytest
from fastapi import FastAPI

from services.common.circuit_breaker import BreakerState
from tests.support.chat_app import chat_app
from tests.support.serving import serving
from tests.support.tokens import bearer
from tests.support.voice_app import voice_app

Turn = Callable[[], None]
Case = tuple[FastAPI, str, Turn]


def _voice() -> Case:
    app = voice_app().app

    def whisper_rests() -> None:
        breaker = app.state.transcription.hosts["whisper"].breaker
        while (permit := breaker.try_acquire()) is not None:
            permit.failure()

    return app, "/api/v1/voice/models/status", whisper_rests


def _chat() -> Case:
    app, _, chain = chat_app()

    def provider_rests() -> None:
        chain.breaker_state = BreakerState.OPEN

    return app, "/api/v1/models", provider_rests


@pytest.mark.parametrize("case", [_voice, _chat])
async def test_a_state_comes_as_events_and_the_same_without(case: Callable[[], Case]) -> None:
    app, path, turn = case()
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, headers=bearer(), timeout=10) as client,
        client.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        async with aclosing(_states(stream)) as states:
            assert await anext(states) == (await client.get(path)).json()
            turn()
            turned = await anext(states)
            assert turned == (await client.get(path)).json()
            assert "open" in json.dumps(turned)
            app.state.draining.begun = True
            assert await anext(states, None) is None


async def _states(stream: httpx.Response) -> AsyncGenerator[object, None]:
    async for line in stream.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            assert value == "status"
        if name == "data":
            yield json.loads(value)

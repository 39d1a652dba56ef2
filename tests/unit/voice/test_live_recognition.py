"""Live recognition over a real socket: our own messages, and vosk-server's as its stock clients send them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.voice.engines import EngineFailed
from tests.support.serving import serving
from tests.support.sockets import connected, pcm16, pieces, received
from tests.support.speech import silence, voice
from tests.support.tokens import bearer
from tests.support.voice_app import VoiceApp, voice_app

PATH = "/api/v1/voice/stt/stream"
RATE_HZ = 16_000
UTTERANCE = np.concatenate([silence(0.5, RATE_HZ), voice(2.0, RATE_HZ), silence(0.9, RATE_HZ)])


@asynccontextmanager
async def open_stream(service: VoiceApp, **start: Any) -> AsyncIterator[ClientConnection]:
    async with serving(service.app) as url, connected(url, PATH) as socket:
        await socket.send(json.dumps({"type": "start", **start}))
        assert (await received(socket))["type"] == "ready"
        yield socket


async def say(socket: ClientConnection, samples: np.ndarray[Any, Any], frame_bytes: int = 3200) -> None:
    for piece in pieces(pcm16(samples), frame_bytes):
        await socket.send(piece)


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """What comes up to a message of this type, which is the last."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != kind:
        found.append(await received(socket))
    return found


async def test_an_utterance_is_told_from_its_beginning_to_its_words() -> None:
    service = voice_app()
    service.whisper.text = "What time is it?"
    async with open_stream(service, partials=False) as socket:
        await say(socket, UTTERANCE)
        messages = await until(socket, "final")
    assert [message["type"] for message in messages] == ["speech_started", "speech_stopped", "final"]
    final = messages[-1]
    assert final["text"] == "What time is it?"
    assert final["engine"] == "whisper"
    assert final["start_seconds"] == pytest.approx(0.2, abs=0.1)
    assert final["end_seconds"] == pytest.approx(2.5, abs=0.15)


async def test_partials_come_before_the_end() -> None:
    service = voice_app()
    async with open_stream(service) as socket:
        await say(socket, voice(2.0, RATE_HZ))
        messages = await until(socket, "partial")
    assert messages[-1]["text"] == service.whisper.text


async def test_each_utterance_is_its_own_and_stop_ends_the_last_one() -> None:
    service = voice_app()
    service.whisper.text = "Yes."
    async with open_stream(service, partials=False) as socket:
        await say(socket, np.concatenate([UTTERANCE, voice(1.0, RATE_HZ)]))
        await socket.send(json.dumps({"type": "stop"}))
        messages = await until(socket, "done")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert [message["type"] for message in messages].count("final") == 2
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


async def test_silence_says_nothing() -> None:
    async with open_stream(voice_app()) as socket:
        await say(socket, silence(3.0, RATE_HZ))
        await socket.send(json.dumps({"type": "stop"}))
        assert [message["type"] for message in await until(socket, "done")] == ["done"]


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
async def test_other_sample_rates_have_the_same_times(rate_hz: int) -> None:
    service = voice_app()
    service.whisper.text = "Yes."
    sound = np.concatenate([silence(0.5, rate_hz), voice(2.0, rate_hz), silence(0.9, rate_hz)])
    async with open_stream(service, sample_rate=rate_hz, partials=False) as socket:
        await say(socket, sound, frame_bytes=1999)
        final = (await until(socket, "final"))[-1]
    assert final["end_seconds"] == pytest.approx(2.5, abs=0.2)


async def test_an_engine_that_fails_is_a_problem_and_the_stream_goes_on() -> None:
    def fail_once(_: object) -> None:
        if len(service.whisper.heard) == 1:
            raise EngineFailed("error")

    service = voice_app()
    service.whisper.hearing = fail_once
    service.whisper.text = "Yes."
    async with open_stream(service, partials=False) as socket:
        await say(socket, UTTERANCE)
        error = (await until(socket, "error"))[-1]
        await say(socket, UTTERANCE)
        final = (await until(socket, "final"))[-1]
    assert error["problem"]["type"] == "/problems/no-engine"
    assert final["text"] == "Yes."


async def test_a_message_that_is_none_is_a_problem_and_the_stream_goes_on() -> None:
    async with open_stream(voice_app()) as socket:
        for bad in ("no json", "[1]", '{"type": "nonsense"}', '{"type": "start"}'):
            await socket.send(bad)
            message = await received(socket)
            assert message["problem"]["type"] == "/problems/invalid-request"
        await socket.send('{"type": "ping"}')
        assert await received(socket) == {"type": "pong"}


async def test_stock_vosk_client_gets_one_reply_to_each_frame_and_a_result_at_the_end() -> None:
    service = voice_app()
    service.whisper.text = "Yes indeed."
    replies = []
    async with serving(service.app) as url, connected(url, PATH) as socket:
        await socket.send('{ "config" : { "sample_rate" : 16000, "model": "/etc/passwd" } }')
        for piece in pieces(pcm16(UTTERANCE), 8000):
            await socket.send(piece)
            replies.append(await received(socket))
        await socket.send('{"eof" : 1}')
        replies.append(await received(socket))
    results = [reply for reply in replies if reply.get("text")]
    assert [result["text"] for result in results] == ["Yes indeed."]
    assert [word["word"] for word in results[0]["result"]] == ["Yes", "indeed."]
    assert {"conf", "start", "end", "word"} == set(results[0]["result"][0])
    assert 0.0 <= results[0]["result"][0]["start"] <= 2.6
    assert all(set(reply) & {"partial", "text"} for reply in replies)


async def test_vosk_client_that_says_nothing_gets_an_empty_text() -> None:
    async with serving(voice_app().app) as url, connected(url, PATH) as socket:
        await socket.send('{"eof" : 1}')
        assert await received(socket) == {"text": ""}


async def test_vosk_partials_are_vosks_own_where_it_has_a_model() -> None:
    service = voice_app(voice_default_language="en")
    service.vosk.missing = None
    heard = 0

    class Live:
        def accept(self, samples: np.ndarray[Any, Any]) -> str:
            nonlocal heard
            heard += len(samples)
            return "yes in"

    service.vosk.live = lambda language: Live()  # type: ignore[attr-defined]
    async with open_stream(service) as socket:
        await say(socket, voice(2.0, RATE_HZ))
        message = (await until(socket, "partial"))[-1]
    assert message["text"] == "yes in"
    assert 0 < heard <= 2.1 * RATE_HZ


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"additional_headers": {}}, 401),
        ({"additional_headers": bearer(scopes=("chat",))}, 403),
        ({"additional_headers": bearer(), "origin": "https://elsewhere.example"}, 403),
    ],
)
async def test_an_upgrade_that_may_not_is_refused_with_its_status(
    options: dict[str, Any], status: int
) -> None:
    async with serving(voice_app().app) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with connected(url, PATH, **options):
                raise AssertionError("it was opened")
    assert refused.value.response.status_code == status


async def test_more_sockets_than_a_user_may_have_are_refused() -> None:
    async with serving(voice_app(voice_sockets_per_user=1).app) as url, connected(url, PATH):
        with pytest.raises(InvalidStatus) as refused:
            async with connected(url, PATH):
                raise AssertionError("it was opened")
    assert refused.value.response.status_code == 429


async def test_a_flood_and_an_idle_client_are_told_and_closed() -> None:
    flooded = voice_app(voice_socket_frames_burst=5, voice_socket_frames_per_second=1.0)
    assert await _closing_code(flooded, frames=20) == 1008
    idle = voice_app(voice_socket_idle_seconds=0.2)
    assert await _closing_code(idle, frames=1) == 3008


async def _closing_code(service: VoiceApp, frames: int) -> int:
    async with serving(service.app) as url, connected(url, PATH) as socket:
        for _ in range(frames):
            await socket.send('{"type": "ping"}')
        messages: list[dict[str, Any]] = []
        with suppress(ConnectionClosed):
            while True:
                messages.append(await received(socket))
    assert messages[-1]["type"] == "error"
    assert socket.close_code is not None
    return socket.close_code

"""Wyoming with its own client, as Home Assistant uses it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from services.voice.engines import EngineFailed
from tests.support.sockets import free_port, pcm16, pieces
from tests.support.speech import silence, voice
from tests.support.voice_app import VoiceApp, voice_app

HOST = "127.0.0.1"


def wyoming_app() -> tuple[VoiceApp, int, int]:
    hearing, speaking = free_port(), free_port()
    service = voice_app(voice_wyoming=True, voice_wyoming_stt_port=hearing, voice_wyoming_tts_port=speaking)
    return service, hearing, speaking


@asynccontextmanager
async def client_of(service: VoiceApp, port: int) -> AsyncIterator[AsyncTcpClient]:
    async with service.app.router.lifespan_context(service.app), AsyncTcpClient(HOST, port) as client:
        yield client


async def next_event(client: AsyncTcpClient) -> Event:
    event = await client.read_event()
    assert event is not None
    return event


async def until(client: AsyncTcpClient, kind: str) -> list[Event]:
    found: list[Event] = []
    while not found or found[-1].type != kind:
        found.append(await next_event(client))
    return found


async def ask(client: AsyncTcpClient, rate: int = 16_000, language: str | None = "en_US") -> Event:
    sound = np.concatenate([silence(0.3, rate), voice(1.5, rate), silence(0.3, rate)])
    await client.write_event(Transcribe(language=language).event())
    await client.write_event(AudioStart(rate=rate, width=2, channels=1).event())
    for piece in pieces(pcm16(sound), 2048):
        await client.write_event(AudioChunk(rate=rate, width=2, channels=1, audio=piece).event())
    await client.write_event(AudioStop().event())
    return await next_event(client)


async def test_speech_becomes_text_at_any_rate_and_again_on_one_connection() -> None:
    service, port, _ = wyoming_app()
    service.whisper.text = "Turn on the light."
    async with client_of(service, port) as client:
        for rate in (16_000, 22_050):
            assert Transcript.from_event(await ask(client, rate)).text == "Turn on the light."
    assert [utterance.language for utterance in service.whisper.heard] == ["en", "en"]


async def test_an_engine_that_fails_is_an_error_and_the_connection_goes_on() -> None:
    def fail(_: object) -> None:
        raise EngineFailed("error")

    service, port, _ = wyoming_app()
    service.whisper.hearing = fail
    async with client_of(service, port) as client:
        assert Error.is_type((await ask(client)).type)
        service.whisper.hearing = lambda _: None
        assert Transcript.is_type((await ask(client)).type)


async def test_what_there_is_can_be_asked_for() -> None:
    service, hearing, speaking = wyoming_app()
    async with client_of(service, hearing) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await next_event(client))
        async with AsyncTcpClient(HOST, speaking) as other:
            await other.write_event(Describe().event())
            voices = Info.from_event(await next_event(other)).tts[0].voices
    assert [model.name for model in info.asr[0].models] == ["whisper-base"]
    assert "en" in info.asr[0].models[0].languages
    assert [voice.name for voice in voices] == ["af_nova"]


async def test_text_becomes_speech_in_the_voice_asked_for() -> None:
    service, _, port = wyoming_app()
    async with client_of(service, port) as client:
        request = Synthesize("The light is on.", voice=SynthesizeVoice(name="af_nova"))
        await client.write_event(request.event())
        events = await until(client, "audio-stop")
    assert AudioStart.from_event(events[0]).rate == 24_000
    audio = b"".join(AudioChunk.from_event(event).audio for event in events[1:-1])
    assert len(audio) / 48_000 > 0.8
    assert service.speaker.spoken[0].voice == "af_nova"


async def test_a_text_is_spoken_while_it_is_written_and_only_once() -> None:
    service, _, port = wyoming_app()
    async with client_of(service, port) as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk("The light is on. And the ").event())
        assert (await until(client, "audio-chunk"))[0].type == "audio-start"
        await client.write_event(SynthesizeChunk("door is shut.").event())
        await client.write_event(Synthesize("The light is on. And the door is shut.").event())
        await client.write_event(SynthesizeStop().event())
        events = await until(client, SynthesizeStopped().event().type)
    assert events[-2].type == "audio-stop"
    assert [request.text for request in service.speaker.spoken] == [
        "The light is on.",
        "And the door is shut.",
    ]


async def test_a_port_that_is_taken_keeps_nothing_else_from_being_served() -> None:
    service, hearing, speaking = wyoming_app()
    with socket.socket() as taken:
        taken.bind((HOST, hearing))
        taken.listen()
        async with client_of(service, speaking) as client:
            await client.write_event(Describe().event())
            assert Info.is_type((await next_event(client)).type)

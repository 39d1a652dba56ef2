"""Wyoming with its own client, as Home Assistant uses it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
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

from services.voice.engines import Availability, EngineFailed
from services.voice.synthesis.engine import Voice
from tests.support.sockets import free_port, pcm16, pieces
from tests.support.speech import silence, voice
from tests.support.voice_app import VoiceApp, voice_app

HOST = "127.0.0.1"


def wyoming_app(**changes: Any) -> tuple[VoiceApp, int, int]:
    hearing, speaking = free_port(), free_port()
    ports: dict[str, Any] = {"voice_wyoming_stt_port": hearing, "voice_wyoming_tts_port": speaking}
    return voice_app(voice_wyoming=True, **ports, **changes), hearing, speaking


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


def fail(_: object) -> None:
    raise EngineFailed("error")


async def test_after_an_error_nobody_waits_for_a_transcript_for_ever() -> None:
    """Home Assistant takes no notice of an error: it reads on until there is a transcript, or the end."""
    service, port, _ = wyoming_app()
    service.whisper.hearing = fail
    async with client_of(service, port) as client:
        assert Error.is_type((await ask(client)).type)
        assert await client.read_event() is None
        service.whisper.hearing = lambda _: None
        async with AsyncTcpClient(HOST, port) as again:
            assert Transcript.is_type((await ask(again)).type)


async def test_speech_without_end_is_refused() -> None:
    service, port, _ = wyoming_app()
    async with client_of(service, port) as client:
        await client.write_event(AudioStart(rate=16_000, width=2, channels=1).event())
        for _ in range(13):
            ten_seconds = AudioChunk(rate=16_000, width=2, channels=1, audio=bytes(320_000))
            await client.write_event(ten_seconds.event())
        assert "120 seconds" in Error.from_event(await next_event(client)).text
        assert await client.read_event() is None


async def test_speech_without_a_word_is_an_empty_transcript() -> None:
    service, port, _ = wyoming_app()
    async with client_of(service, port) as client:
        await client.write_event(AudioStart(rate=16_000, width=2, channels=1).event())
        await client.write_event(AudioStop().event())
        assert Transcript.from_event(await next_event(client)).text == ""


async def test_what_there_is_can_be_asked_for() -> None:
    service, hearing, speaking = wyoming_app()
    async with client_of(service, hearing) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await next_event(client))
        async with AsyncTcpClient(HOST, speaking) as other:
            await other.write_event(Describe().event())
            speaker = Info.from_event(await next_event(other)).tts[0]
    assert [model.name for model in info.asr[0].models] == ["whisper-base"]
    assert "en" in info.asr[0].models[0].languages
    assert [voice.name for voice in speaker.voices] == ["af_nova"]
    assert speaker.supports_synthesize_streaming
    assert speaker.voices[0].attribution.name == "hexgrad"


async def test_only_what_an_engine_hears_is_offered_and_chinese_under_its_common_tag() -> None:
    service, hearing, speaking = wyoming_app()
    service.whisper.availability = lambda language: Availability(language in {"en", "da"})  # type: ignore[method-assign]
    service.speaker.known = (Voice("espeak-cmn", "Chinese", "cmn", "espeak"),)
    async with client_of(service, hearing) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await next_event(client))
        async with AsyncTcpClient(HOST, speaking) as other:
            await other.write_event(Describe().event())
            voices = Info.from_event(await next_event(other)).tts[0].voices
    assert info.asr[0].models[0].languages == ["da", "en"]
    assert [voice.languages for voice in voices] == [["zh"]]


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
        await client.write_event(SynthesizeChunk("The light is on. ").event())
        await client.write_event(SynthesizeChunk("And the ").event())
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


async def test_an_answer_that_comes_whole_is_not_cut_within_a_sentence() -> None:
    """As Home Assistant sends its own: one piece, the whole once more, the end."""
    service, _, port = wyoming_app()
    text = "Turned on the light in the kitchen and in the hall."
    async with client_of(service, port) as client:
        for event in (SynthesizeStart(), SynthesizeChunk(text), Synthesize(text), SynthesizeStop()):
            await client.write_event(event.event())
        await until(client, SynthesizeStopped().event().type)
    assert [request.text for request in service.speaker.spoken] == [text]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_text_without_a_word_is_a_moment_of_silence(streamed: bool) -> None:
    service, _, port = wyoming_app()
    async with client_of(service, port) as client:
        if streamed:
            for event in (SynthesizeStart(), SynthesizeChunk("…"), SynthesizeStop()):
                await client.write_event(event.event())
        else:
            await client.write_event(Synthesize("…").event())
        events = await until(client, "audio-stop")
    assert [event.type for event in events] == ["audio-start", "audio-chunk", "audio-stop"]
    assert not any(AudioChunk.from_event(events[1]).audio)
    assert service.speaker.spoken == []


@pytest.mark.parametrize("streamed", [False, True])
async def test_speech_that_fails_is_an_error_without_audio_and_the_end(streamed: bool) -> None:
    """With a start or a stop, Home Assistant would take it for speech of no length."""
    service, _, port = wyoming_app()
    service.speaker.speaking = fail
    async with client_of(service, port) as client:
        if streamed:
            for event in (SynthesizeStart(), SynthesizeChunk("Good morning."), SynthesizeStop()):
                await client.write_event(event.event())
        else:
            await client.write_event(Synthesize("Good morning.").event())
        assert Error.is_type((await next_event(client)).type)
        assert await client.read_event() is None


async def test_a_text_without_end_is_refused() -> None:
    service, _, port = wyoming_app()
    async with client_of(service, port) as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk("a" * 10_001).event())
        assert "10000 characters" in Error.from_event(await next_event(client)).text


async def test_who_names_no_voice_hears_the_language_of_the_house() -> None:
    service, _, port = wyoming_app(voice_default_language="de")
    async with client_of(service, port) as client:
        await client.write_event(Synthesize("Guten Morgen.").event())
        await until(client, "audio-stop")
    assert [(request.voice, request.language) for request in service.speaker.spoken] == [("default", "de")]


async def test_a_port_that_is_taken_keeps_nothing_else_from_being_served() -> None:
    service, hearing, speaking = wyoming_app()
    with socket.socket() as taken:
        taken.bind((HOST, hearing))
        taken.listen()
        async with client_of(service, speaking) as client:
            await client.write_event(Describe().event())
            assert Info.is_type((await next_event(client)).type)

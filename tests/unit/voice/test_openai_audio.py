"""The stock OpenAI client against the voice service: its requests are taken, our answers understood."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from services.voice.engines import EngineFailed
from services.voice.synthesis.encoding import MEDIA_TYPES, AudioFormat
from services.voice.transcription.engine import Utterance
from tests.support.audio_files import RATE_HZ, wav
from tests.support.speech import silence, voice
from tests.support.tokens import bearer
from tests.support.voice_app import VoiceApp, voice_app


@asynccontextmanager
async def client_of(
    service: VoiceApp, scopes: tuple[str, ...] = ("voice:transcribe", "voice:synthesize")
) -> AsyncIterator[openai.AsyncOpenAI]:
    key = bearer(scopes=scopes)["Authorization"].removeprefix("Bearer ")
    async with service.app.router.lifespan_context(service.app):
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(service.app))
        async with openai.AsyncOpenAI(
            api_key=key, base_url="http://test/v1", http_client=http, max_retries=0
        ) as client:
            yield client


@pytest.fixture(scope="module")
def recording() -> bytes:
    """Ten seconds with two utterances in it."""
    return wav(_utterances(2))


async def test_json_is_what_the_client_asks_for_when_it_says_nothing(recording: bytes) -> None:
    async with client_of(voice_app()) as client:
        found = await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", recording))
    assert found.text == "hello there world"
    assert found.usage is not None
    assert found.usage.type == "duration"
    assert found.usage.seconds == pytest.approx(10.0, abs=0.01)


async def test_text_srt_and_vtt_are_plain_text(recording: bytes) -> None:
    async with client_of(voice_app()) as client:
        create = client.audio.transcriptions.create
        text = await create(model="whisper-1", file=("a.wav", recording), response_format="text")
        srt = await create(model="whisper-1", file=("a.wav", recording), response_format="srt")
        vtt = await create(model="whisper-1", file=("a.wav", recording), response_format="vtt")
    assert text == "hello there world\n"
    assert srt.startswith("1\n00:00:0")
    assert vtt.startswith("WEBVTT\n\n00:00:0")


async def test_verbose_json_has_segments_and_words_as_far_as_they_were_asked_for(recording: bytes) -> None:
    async with client_of(voice_app()) as client:
        plain = await client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", recording), response_format="verbose_json"
        )
        words = await client.audio.transcriptions.create(
            model="whisper-1",
            file=("a.wav", recording),
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert plain.segments is not None
    assert plain.words is None
    assert plain.segments[0].text == "hello there world"
    assert plain.segments[0].avg_logprob == pytest.approx(-0.105, abs=0.001)
    assert plain.duration == pytest.approx(10.0, abs=0.01)
    assert words.words is not None
    assert [word.word for word in words.words] == ["hello", "there", "world"]


async def test_prompt_temperature_and_language_reach_the_engine(recording: bytes) -> None:
    service = voice_app()
    async with client_of(service) as client:
        await client.audio.transcriptions.create(
            model="whisper-1",
            file=("a.wav", recording),
            prompt="Samuel Beckett",
            temperature=0.4,
            language="en",
        )
    heard = service.whisper.heard[0]
    assert (heard.prompt, heard.temperature, heard.language) == ("Samuel Beckett", 0.4, "en")
    assert not heard.translate


async def test_translation_is_whispers(recording: bytes) -> None:
    service = voice_app()
    async with client_of(service) as client:
        found = await client.audio.translations.create(model="whisper-1", file=("a.wav", recording))
    assert found.text == "hello there world"
    assert service.whisper.heard[0].translate


async def test_a_stream_tells_of_each_window_and_then_of_all(recording: bytes) -> None:
    service = voice_app()
    async with client_of(service) as client:
        stream = await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("a.wav", recording), stream=True
        )
        events = [event async for event in stream]
    assert [(event.type, event.to_dict()) for event in events] == [
        (kind, {"type": kind, field: "hello there world"})
        for kind, field in (("transcript.text.delta", "delta"), ("transcript.text.done", "text"))
    ]


async def test_long_audio_streams_in_several_deltas_of_one_language() -> None:
    service = voice_app()
    service.whisper.language = "ga"
    async with client_of(service) as client:
        stream = await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("a.wav", wav(_utterances(6))), stream=True
        )
        events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) > 1
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == "".join(deltas)
    assert [utterance.language for utterance in service.whisper.heard] == [None, *["ga"] * (len(deltas) - 1)]


async def test_an_engine_that_fails_in_mid_stream_is_raised_by_the_client() -> None:
    def fail_at_the_second(_: Utterance) -> None:
        if len(service.whisper.heard) > 1:
            raise EngineFailed("error")

    service = voice_app()
    service.whisper.hearing = fail_at_the_second
    async with client_of(service) as client:
        stream = await client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", wav(_utterances(6))), stream=True
        )
        with pytest.raises(openai.APIError, match="No recogniser could take this"):
            _ = [event async for event in stream]


async def test_silence_is_an_empty_text_in_a_stream_too() -> None:
    quiet = wav(silence(3.0, RATE_HZ)[None, :])
    async with client_of(voice_app()) as client:
        stream = await client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", quiet), stream=True
        )
        events = [event async for event in stream]
    assert [(event.type, getattr(event, "text", None)) for event in events] == [("transcript.text.done", "")]


@pytest.mark.parametrize("chosen", AudioFormat)
async def test_speech_comes_in_every_format(chosen: AudioFormat) -> None:
    async with client_of(voice_app()) as client:
        reply = await client.audio.speech.with_raw_response.create(
            model="tts-1", voice="alloy", input="Ever tried. Ever failed.", response_format=chosen.value
        )
    assert reply.headers["content-type"] == MEDIA_TYPES[chosen]
    assert reply.headers["x-engine"] == "kokoro"
    assert len(reply.content) > 4000


async def test_speech_as_events_carries_the_same_bytes() -> None:
    async with client_of(voice_app()) as client:
        whole = await client.audio.speech.create(
            model="gpt-4o-mini-tts", voice="alloy", input="No matter. Try again.", response_format="pcm"
        )
        async with client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts",
            voice="alloy",
            input="No matter. Try again.",
            response_format="pcm",
            stream_format="sse",
        ) as stream:
            lines = [line async for line in stream.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == whole.content


async def test_a_voice_of_theirs_is_the_voice_of_that_name_where_there_is_one() -> None:
    service = voice_app()
    async with client_of(service) as client:
        for name in ("nova", "onyx", "af_nova"):
            await client.audio.speech.create(model="tts-1", voice=name, input="Again.")
    assert [request.voice for request in service.speaker.spoken] == ["af_nova", "default", "af_nova"]


async def test_an_engine_that_fails_is_an_error_and_never_a_tone() -> None:
    def fail(_: object) -> None:
        raise EngineFailed("error")

    service = voice_app()
    service.speaker.speaking = fail
    async with client_of(service) as client:
        with pytest.raises(openai.InternalServerError, match="No engine could speak this"):
            await client.audio.speech.create(model="tts-1", voice="alloy", input="Again.")


async def test_the_list_names_what_can_be_asked_for() -> None:
    async with client_of(voice_app()) as client:
        names = [model.id async for model in client.models.list()]
    assert {"whisper-1", "whisper-base", "tts-1", "kokoro", "kokoro-test"} <= set(names)
    assert "vosk" not in names, "there is no model of it"
    assert len(names) == len(set(names))


async def test_every_name_in_the_list_serves(recording: bytes) -> None:
    async with client_of(voice_app()) as client:
        for name in [model.id async for model in client.models.list()]:
            if "whisper" in name or "transcribe" in name:
                await client.audio.transcriptions.create(model=name, file=("a.wav", recording))
            else:
                await client.audio.speech.create(model=name, voice="alloy", input="Again.")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": 1.5}, "temperature"),
        ({"language": "not a language"}, "language"),
        ({"timestamp_granularities": ["sentence"], "response_format": "verbose_json"}, "timestamp_gran"),
    ],
)
async def test_a_value_that_is_not_taken_is_refused_and_named(
    recording: bytes, fields: dict[str, object], param: str
) -> None:
    async with client_of(voice_app()) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await client.audio.transcriptions.create(
                model="whisper-1",
                file=("a.wav", recording),
                **fields,  # type: ignore[call-overload]
            )
    assert str(raised.value.param).startswith(param)


async def test_a_field_that_is_not_known_is_ignored(recording: bytes) -> None:
    async with client_of(voice_app()) as client:
        found = await client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", recording), extra_body={"vad_magic": "yes"}
        )
    assert found.text


async def test_errors_are_the_clients_own_exceptions(recording: bytes) -> None:
    async with client_of(voice_app()) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.audio.transcriptions.create(model="gpt-9", file=("a.wav", recording))
        with pytest.raises(openai.BadRequestError) as text_file:
            await client.audio.transcriptions.create(model="whisper-1", file=("a.txt", b"not audio at all"))
        with pytest.raises(openai.BadRequestError) as no_voice:
            await client.audio.speech.create(model="tts-1", voice="nobody", input="Again.")
    assert unknown.value.code == "model_not_found"
    assert text_file.value.code == "unsupported_audio"
    assert no_voice.value.param == "voice"


async def test_the_key_is_our_token_with_our_scopes(recording: bytes) -> None:
    async with client_of(voice_app(), scopes=("voice:synthesize",)) as client:
        with pytest.raises(openai.PermissionDeniedError):
            await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", recording))
        client.api_key = "sk-wrong"
        with pytest.raises(openai.AuthenticationError):
            await client.audio.speech.create(model="tts-1", voice="alloy", input="Again.")


def _utterances(count: int) -> NDArray[np.float32]:
    """Each four seconds long, with a second of silence after it; shape (1, n)."""
    return np.concatenate([voice(4.0, RATE_HZ), silence(1.0, RATE_HZ)] * count)[None, :]

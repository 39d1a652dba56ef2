"""The requests of Open WebUI 0.12.4 to the voice service, recorded, and sent again by the same client."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.voice.synthesis.encoding import MEDIA_TYPES, AudioFormat
from tests.support.audio_files import encoded
from tests.support.serving import serving
from tests.support.speech import voice
from tests.support.tokens import bearer
from tests.support.voice_app import voice_app


@pytest.fixture(name="client")
async def client_fixture() -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serving(voice_app().app) as url,
        aiohttp.ClientSession(
            url, headers=bearer(scopes=("voice:transcribe", "voice:synthesize"))
        ) as session,
    ):
        yield session


async def test_dictation_comes_in_chunks_of_no_stated_length_and_type(client: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        recording = encoded(voice(3.0)[None, :], "mp3", "mp3")
        for start in range(0, len(recording), 10_000):
            yield recording[start : start + 10_000]

    form = aiohttp.FormData()
    form.add_field("model", "whisper-1")
    form.add_field("language", "en")
    form.add_field("file", chunks(), filename="f0932400-2bd8-421a-9902-1938290aa022.mp3")
    async with client.post("/v1/audio/transcriptions", data=form) as reply:
        assert reply.status == 200
        assert (await reply.json())["text"]


async def test_reading_aloud_names_no_format_and_gets_mp3(client: aiohttp.ClientSession) -> None:
    body = {"input": "A kettle is a device used to heat water.", "voice": "alloy", "model": "tts-1"}
    async with client.post("/v1/audio/speech", json=body) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == MEDIA_TYPES[AudioFormat.MP3]
        assert await reply.read()


async def test_a_refusal_has_the_sentence_where_it_looks_for_it(client: aiohttp.ClientSession) -> None:
    body = {"input": "Hello.", "voice": "no-such-voice", "model": "tts-1"}
    async with client.post("/v1/audio/speech", json=body) as reply:
        assert reply.status == 400
        assert "no voice of this name" in (await reply.json())["error"]["message"]

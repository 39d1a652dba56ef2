"""The stock clients against real engines and a real recording: what is said is understood and answered."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import soxr
from numpy.typing import NDArray
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient

from services.voice.app import create_app
from services.voice.listening.turn_taking import TurnRules, TurnTaking
from services.voice.listening.voice_detector import VoiceDetector
from services.voice.main import build_parts
from services.voice.settings import VoiceSettings
from tests.support.audio_files import wav
from tests.support.recordings import BECKETT, beckett
from tests.support.scripted_chat import ScriptedChat
from tests.support.serving import serving
from tests.support.sockets import connected, free_port, pcm16, pieces, received
from tests.support.tokens import bearer
from tests.support.voice_app import voice_settings

pytestmark = [pytest.mark.slow, pytest.mark.models("whisper-base", "kokoro-int8-ja")]
WAIT_SECONDS = 120


class Service:
    """The voice service with its real engines; only the chat service is a script."""

    def __init__(self, models: Path) -> None:
        self.chat = ScriptedChat(words=("Fail ", "better. ", "That is ", "all."))
        self.settings: VoiceSettings = voice_settings(
            parley_models_dir=models,
            voice_wyoming=True,
            voice_wyoming_stt_port=free_port(),
            voice_wyoming_tts_port=free_port(),
        )
        self.app = create_app(self.settings, replace(build_parts(self.settings), chat=self.chat))


@pytest.fixture(name="service")
def service_fixture(models_dir: Path) -> Service:
    return Service(models_dir)


@asynccontextmanager
async def client_of(service: Service) -> AsyncIterator[tuple[openai.AsyncOpenAI, str]]:
    key = bearer()["Authorization"].removeprefix("Bearer ")
    async with (
        serving(service.app) as url,
        openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1", timeout=WAIT_SECONDS) as client,
    ):
        yield client, url


def words(text: str) -> set[str]:
    return {word.strip(".,!?").lower() for word in text.split()}


def shared(text: str) -> float:
    """Share of the recording's words that are in the text."""
    expected = words(BECKETT)
    return len(expected & words(text)) / len(expected)


def turn() -> NDArray[np.float32]:
    """The recording's last sentence, "Fail better.", and quiet around it; 24 kHz."""
    samples = np.concatenate([beckett().samples()[int(7.7 * 16_000) :], np.zeros(16_000, dtype=np.float32)])
    return np.asarray(soxr.resample(samples, 16_000, 24_000), dtype=np.float32)


async def test_a_real_recording_is_heard_and_what_is_spoken_is_understood(service: Service) -> None:
    async with client_of(service) as (client, _):
        heard = await client.audio.transcriptions.create(
            model="whisper-1",
            file=("beckett.wav", wav(beckett().samples()[None, :])),
            response_format="verbose_json",
            timestamp_granularities=["word"],
            language="en",
        )
        spoken = await client.audio.speech.create(
            model="kokoro", voice="alloy", input="The weather is fine today.", response_format="aac"
        )
        back = await client.audio.transcriptions.create(
            model="whisper-1", file=("spoken.aac", spoken.content), language="en"
        )
    assert shared(heard.text) > 0.7
    assert heard.words is not None
    assert [word.start for word in heard.words] == sorted(word.start for word in heard.words)
    assert len(words("The weather is fine today.") & words(back.text)) >= 3


async def test_live_words_are_those_of_the_recording_in_both_message_formats(service: Service) -> None:
    pcm = pcm16(np.concatenate([beckett().samples(), np.zeros(16_000, dtype=np.float32)]))
    path = "/api/v1/voice/stt/stream"
    async with client_of(service) as (_, url):
        async with connected(url, path) as socket:
            await socket.send(json.dumps({"type": "start", "language": "en", "partials": False}))
            for piece in pieces(pcm, 6400):
                await socket.send(piece)
            await socket.send('{"type": "stop"}')
            messages = [await received(socket)]
            while messages[-1]["type"] != "done":
                messages.append(await received(socket))
        finals = [message["text"] for message in messages if message["type"] == "final"]
        replies = await _like_a_stock_vosk_client(url, path, pcm)
    assert len(finals) > 1
    assert shared(" ".join(finals)) > 0.6
    assert shared(" ".join(reply["text"] for reply in replies if reply.get("text"))) > 0.6


async def test_a_spoken_turn_is_answered_in_speech_and_noise_is_not(service: Service) -> None:
    async with client_of(service) as (client, _), client.realtime.connect(model="parley") as connection:
        await _say(connection, _noise(20.0, "white noise", 24_000))
        await _say(connection, turn())
        events: list[Any] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while not events or events[-1].type != "response.done":
                events.append(await connection.recv())
    kinds = [event.type for event in events]
    assert kinds.count("response.created") == 1, "the noise began none"
    assert words(service.chat.asked[0][1]) & {"fail", "better"}
    done = events[-1].response
    assert done.status == "completed"
    assert done.metadata["spoken_by"] in {"kokoro", "espeak"}
    audio = [base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta"]
    spoken = np.frombuffer(b"".join(audio), dtype="<i2").astype(np.float32) / 32768
    voiced = VoiceDetector().probabilities(np.asarray(soxr.resample(spoken, 24_000, 16_000)))
    assert sum(probability > 0.5 for probability in voiced) > 10, "a voice is heard"


@pytest.mark.parametrize("kind", ["silence", "white noise", "hum"])
def test_ten_minutes_of_silence_noise_or_hum_begin_no_turn(kind: str) -> None:
    turns, detector = TurnTaking(TurnRules()), VoiceDetector()
    begun = [
        event
        for second in range(600)
        for probability in detector.probabilities(_noise(1.0, kind, 16_000, seed=second))
        for event in turns.frame(probability)
    ]
    assert begun == []


async def test_home_assistants_client_is_understood(service: Service) -> None:
    port = service.settings.voice_wyoming_stt_port
    async with serving(service.app), AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(AudioStart(rate=16_000, width=2, channels=1).event())
        for piece in pieces(pcm16(beckett().samples()), 4096):
            chunk = AudioChunk(rate=16_000, width=2, channels=1, audio=piece)
            await client.write_event(chunk.event())
        await client.write_event(AudioStop().event())
        async with asyncio.timeout(WAIT_SECONDS):
            event = await client.read_event()
    assert event is not None
    assert shared(Transcript.from_event(event).text) > 0.6


async def _like_a_stock_vosk_client(url: str, path: str, pcm: bytes) -> Sequence[dict[str, Any]]:
    replies = []
    async with connected(url, path) as socket:
        await socket.send('{ "config" : { "sample_rate" : 16000 } }')
        for piece in pieces(pcm, 8000):
            await socket.send(piece)
            replies.append(await received(socket))
        await socket.send('{"eof" : 1}')
        return [*replies, await received(socket)]


async def _say(connection: Any, samples: NDArray[np.float32]) -> None:
    for piece in pieces(pcm16(samples), 9600):
        await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())


def _noise(seconds: float, kind: str, rate_hz: int, seed: int = 0) -> NDArray[np.float32]:
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    if kind == "hum":
        harmonics = [np.sin(2 * np.pi * 50 * number * at) / number for number in (1, 2, 3, 5)]
        return np.asarray(0.05 * np.sum(harmonics, axis=0), dtype=np.float32)
    loudness = 0.0 if kind == "silence" else 0.03
    return np.asarray(loudness * np.random.default_rng(seed).standard_normal(len(at)), dtype=np.float32)

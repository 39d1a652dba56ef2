"""Real voices, one of which fails between two sentences: what is heard is complete and in order."""

import io
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.voice.media.decoding import DecodeLimits, decode
from services.voice.synthesis.engine import Speech, SynthesisEngine
from services.voice.synthesis.espeak import EspeakEngine
from services.voice.synthesis.kokoro import KokoroEngine
from services.voice.transcription.faster_whisper import FasterWhisperEngine
from tests.support import speakers
from tests.support.speakers import Speaker
from tests.support.tokens import bearer
from tests.support.transcription_contract import Spoken, utterance
from tests.support.voice_app import speaking_app
from tests.support.voice_caller import SYNTHESIZE

pytestmark = [pytest.mark.slow, pytest.mark.models("kokoro-int8-ja", "whisper-base")]
TEXT = "The museum is open on Monday. Please bring two chairs. We planted 120 trees along the river."
KEYWORDS = ["museum", "chairs", "river"]
"""One of each sentence: heard once each and in order, no sentence is lost or said twice."""
FAULTS: dict[str, tuple[Callable[[Speech], Speech], str]] = {
    "raises": (speakers.raises, "error"),
    "falls silent": (speakers.falls_silent, "silence"),
    "says half": (speakers.says_half, "too_short"),
    "dies": (speakers.dies, "died"),
}


@pytest.fixture(scope="module")
def kokoro(models_dir: Path) -> Iterator[KokoroEngine]:
    engine = KokoroEngine([models_dir / "kokoro-int8-ja"])
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def whisper(models_dir: Path) -> Iterator[FasterWhisperEngine]:
    engine = FasterWhisperEngine(models_dir / "whisper-base")
    engine.load()
    yield engine
    engine.close()


@pytest.fixture
def espeak() -> Iterator[EspeakEngine]:
    engine = EspeakEngine()
    engine.load()
    yield engine
    engine.close()


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS.keys())
async def test_espeak_fails_at_the_third_sentence_and_kokoro_goes_on(
    kokoro: KokoroEngine,
    espeak: EspeakEngine,
    whisper: FasterWhisperEngine,
    fault: Callable[[Speech], Speech],
    reason: str,
) -> None:
    reply = await _speak(Speaker("espeak", espeak.synthesize, faults={3: fault}), kokoro)
    assert reply.headers["x-engine"] == "espeak,kokoro"
    assert reply.headers["x-degraded"] == "true"
    assert reply.headers["x-attempts"] == f"espeak={reason},kokoro=ok"
    assert _keywords_heard(whisper, reply.content) == KEYWORDS


async def test_a_worker_that_is_killed_between_two_sentences_is_replaced_and_nothing_is_lost(
    espeak: EspeakEngine, whisper: FasterWhisperEngine
) -> None:
    def kill_after(speech: Speech) -> Speech:
        os.kill(espeak._worker.pid or 0, signal.SIGKILL)
        return speech

    reply = await _speak(Speaker("espeak", espeak.synthesize, faults={2: kill_after}), EspeakEngine())
    assert _keywords_heard(whisper, reply.content) == KEYWORDS


async def _speak(*chain: SynthesisEngine) -> httpx.Response:
    app = speaking_app(*chain, sentence_seconds=60.0)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        reply = await client.post(SYNTHESIZE, headers=bearer(), json={"text": TEXT})
    return reply.raise_for_status()


def _keywords_heard(whisper: FasterWhisperEngine, audio: bytes) -> list[str]:
    samples = decode(io.BytesIO(audio), len(audio), DecodeLimits(60.0, 1), threading.Event())
    text = whisper.transcribe(utterance(Spoken(samples, TEXT, "en")), threading.Event()).text
    return [word for word in re.findall(r"\w+", text.lower()) if word in KEYWORDS]

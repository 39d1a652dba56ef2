"""Real Vosk on the Korean model. What it is given is eSpeak's Korean, of which it understands about half."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr

from services.voice.synthesis.engine import SpeechRequest
from services.voice.synthesis.espeak import EspeakEngine
from services.voice.transcription.engine import SAMPLE_RATE_HZ, TranscriptionEngine
from services.voice.transcription.vosk import VoskEngine
from tests.support.speech import speak
from tests.support.transcription_contract import Spoken, TranscriptionContract, utterance

pytestmark = pytest.mark.slow
SENTENCE = "안녕하세요. 오늘 날씨가 좋습니다. 감사합니다."


@pytest.fixture(scope="module")
def engine(models_dir: Path) -> Iterator[VoskEngine]:
    engine = VoskEngine(models_dir)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engine_without_model(tmp_path_factory: pytest.TempPathFactory) -> VoskEngine:
    return VoskEngine(tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    espeak = EspeakEngine()
    speech = speak(espeak, SpeechRequest(SENTENCE, language="ko"))
    espeak.close()
    samples = soxr.resample(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    return Spoken(samples, SENTENCE, "ko", varies_by=0.5)


@pytest.mark.models("vosk-ko")
class TestVosk(TranscriptionContract):
    def test_it_hears_the_words(self, engine: TranscriptionEngine, spoken: Spoken) -> None:
        """The ending of a polite sentence, of which there are two, is what eSpeak says plainly."""
        transcript = engine.transcribe(utterance(spoken), threading.Event())
        assert "니다" in transcript.text
        assert transcript.language == "ko"
        assert transcript.confidence is not None
        assert 0.0 < transcript.confidence <= 1.0

    def test_a_language_without_a_model_is_refused_without_being_tried(self, engine: VoskEngine) -> None:
        assert engine.availability("de").reason == "no_model"

    def test_it_does_not_guess_the_language(self, engine: VoskEngine) -> None:
        assert engine.availability(None).reason == "language_unknown"

    def test_every_word_has_a_time_and_a_confidence(self, engine: VoskEngine, spoken: Spoken) -> None:
        transcript = engine.transcribe(utterance(spoken), threading.Event())
        words = [word for segment in transcript.segments for word in segment.words]
        assert len(words) >= 3
        assert all(word.end_seconds > word.start_seconds and 0.0 < word.confidence <= 1.0 for word in words)

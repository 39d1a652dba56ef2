from collections.abc import Iterator

import numpy as np
import pytest

from services.voice.synthesis.engine import SpeechRequest
from services.voice.synthesis.simulated import SimulatedEngine
from tests.support.speech import RATE_HZ, speak
from tests.support.synthesis_contract import SENTENCE, SynthesisContract


@pytest.fixture(scope="module")
def engine() -> Iterator[SimulatedEngine]:
    engine = SimulatedEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def language() -> str:
    return "en"


class TestSimulated(SynthesisContract):
    def test_it_is_a_tone_and_no_voice(self, engine: SimulatedEngine) -> None:
        speech = speak(engine, SpeechRequest(SENTENCE))
        spectrum = np.abs(np.fft.rfft(speech.samples))
        strongest = np.fft.rfftfreq(speech.samples.size, 1 / RATE_HZ)[np.argmax(spectrum)]
        assert strongest == pytest.approx(440.0, abs=2.0)

    def test_a_slow_long_text_does_not_beep_for_minutes(self, engine: SimulatedEngine) -> None:
        assert speak(engine, SpeechRequest("word " * 2_000, speed=0.25)).duration_seconds <= 30.0

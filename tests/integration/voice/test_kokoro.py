from collections.abc import Iterator
from pathlib import Path

import pytest

from services.voice.synthesis.engine import SpeechRequest, SynthesisEngine
from services.voice.synthesis.kokoro import KokoroEngine
from tests.support.speech import speak
from tests.support.synthesis_contract import SENTENCE, MissingPartContract, SynthesisContract

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(models_dir: Path) -> Iterator[KokoroEngine]:
    engine = KokoroEngine([models_dir / "not-there", models_dir / "kokoro-int8-ja"])
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def language() -> str:
    return "en"


@pytest.fixture
def engine_without_part(tmp_path: Path) -> tuple[SynthesisEngine, str]:
    return KokoroEngine([tmp_path]), "no_model"


@pytest.mark.models("kokoro-int8-ja")
class TestKokoro(SynthesisContract, MissingPartContract):
    unknown_language = "tlh"

    def test_the_first_folder_that_is_complete_is_used(self, engine: KokoroEngine) -> None:
        assert engine.model == "kokoro-int8-ja"

    def test_a_voice_of_another_engine_is_stood_in_for(self, engine: KokoroEngine) -> None:
        stand_in = speak(engine, SpeechRequest(SENTENCE, voice="espeak-en-us"))
        default = speak(engine, SpeechRequest(SENTENCE))
        assert stand_in.duration_seconds == pytest.approx(default.duration_seconds, rel=0.02)

    def test_voices_differ(self, engine: KokoroEngine) -> None:
        lengths = {
            voice.id: speak(engine, SpeechRequest(SENTENCE, voice=voice.id)).duration_seconds
            for voice in engine.voices()
        }
        assert len(set(lengths.values())) > 1


def test_a_damaged_archive_of_voices_counts_as_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    (tmp_path / "voices.npz").write_bytes(b"PK\x03\x04 and then nothing")
    assert KokoroEngine([tmp_path]).availability("default", "en").reason == "no_model"

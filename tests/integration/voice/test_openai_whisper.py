"""The real openai-whisper, in its own environment, on real weights: the CTranslate2 model's, renamed."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.voice.engine_python import EnginePython
from services.voice.transcription.faster_whisper import FasterWhisperEngine
from services.voice.transcription.openai_whisper import OpenAIWhisperEngine
from tests.conftest import ENGINES_PYTHON
from tests.support.recordings import beckett
from tests.support.transcription_contract import Spoken, TranscriptionContract, utterance, word_error_rate

MAKE_CHECKPOINT = Path(__file__).parents[2] / "support" / "make_whisper_checkpoint.py"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Path:
    path = tmp_path_factory.mktemp("models") / "openai-whisper-base" / "model.pt"
    command = [ENGINES_PYTHON, MAKE_CHECKPOINT, models_dir / "whisper-base", path]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Iterator[OpenAIWhisperEngine]:
    engine = OpenAIWhisperEngine(checkpoint, python=EnginePython(ENGINES_PYTHON))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engine_without_model(tmp_path_factory: pytest.TempPathFactory) -> OpenAIWhisperEngine:
    folder = tmp_path_factory.mktemp("none")
    return OpenAIWhisperEngine(folder / "model.pt", python=EnginePython(ENGINES_PYTHON))


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    return Spoken.of(beckett())


@pytest.mark.slow
@pytest.mark.engines
@pytest.mark.models("whisper-base")
class TestOpenAIWhisper(TranscriptionContract):
    def test_it_hears_the_same_words_as_the_other_implementation(
        self, engine: OpenAIWhisperEngine, spoken: Spoken, models_dir: Path
    ) -> None:
        other = FasterWhisperEngine(models_dir / "whisper-base", compute_type="float32", short_window=False)
        asked = utterance(spoken)
        heard = [one.transcribe(asked, threading.Event()).text for one in (engine, other)]
        assert word_error_rate(*heard) == 0.0


def test_without_its_environment_it_says_so(tmp_path: Path) -> None:
    engine = OpenAIWhisperEngine(tmp_path / "model.pt", python=EnginePython(tmp_path / "bin" / "python"))
    availability = engine.availability("en")
    assert (availability.available, availability.reason) == (False, "not_installed")

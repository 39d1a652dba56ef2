from collections.abc import Iterator
from pathlib import Path

import pytest

from services.voice.transcription.faster_whisper import FasterWhisperEngine
from tests.support.recordings import beckett
from tests.support.transcription_contract import Spoken, TranscriptionContract

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["whisper-base", "whisper-tiny.en"])
def engine(models_dir: Path, request: pytest.FixtureRequest) -> Iterator[FasterWhisperEngine]:
    engine = FasterWhisperEngine(models_dir / str(request.param), workers=2, threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engine_without_model(tmp_path_factory: pytest.TempPathFactory) -> FasterWhisperEngine:
    return FasterWhisperEngine(tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def spoken() -> Spoken:
    return Spoken.of(beckett())


@pytest.mark.models("whisper-base", "whisper-tiny.en")
class TestFasterWhisper(TranscriptionContract):
    def test_a_model_of_one_language_says_which(self, models_dir: Path) -> None:
        english = FasterWhisperEngine(models_dir / "whisper-tiny.en")
        assert english.availability("en").available
        assert english.availability("de").reason == "unsupported_language"

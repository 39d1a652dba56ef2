from collections.abc import Iterator

import pytest

from services.voice.synthesis.engine import SpeechRequest
from services.voice.synthesis.espeak import EspeakEngine
from tests.support.speech import speak
from tests.support.synthesis_contract import SynthesisContract


@pytest.fixture(scope="module")
def engine() -> Iterator[EspeakEngine]:
    engine = EspeakEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def language() -> str:
    return "en"


class TestEspeak(SynthesisContract):
    unknown_language = "tlh"

    @pytest.mark.parametrize(
        ("tag", "voice"),
        [
            ("en", "en-us"),
            ("en-GB", "en-gb"),
            ("en-NZ", "en-us"),
            ("de-AT", "de"),
            ("zh-Hant-TW", "cmn"),
            ("pt-BR", "pt-br"),
            ("no", "nb"),
        ],
    )
    def test_a_language_tag_leads_to_the_nearest_voice(
        self, engine: EspeakEngine, tag: str, voice: str
    ) -> None:
        assert engine._voice("default", tag) == engine._voice(f"espeak-{voice}", "en")

    def test_every_voice_that_is_listed_speaks(self, engine: EspeakEngine) -> None:
        for voice in engine.voices():
            assert speak(engine, SpeechRequest("mama 2", voice=voice.id)).samples.any(), voice

    def test_closing_leaves_no_process(self) -> None:
        engine = EspeakEngine()
        engine.load()
        engine.close()
        assert engine._worker.pid is None

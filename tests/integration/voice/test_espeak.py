from collections.abc import Iterator

import pytest

from services.voice.engines import EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest
from services.voice.synthesis.espeak import EspeakEngine
from services.voice.synthesis.judgement import Judge
from tests.support.speech import speak
from tests.support.synthesis_contract import SynthesisContract

EVERYDAY = {
    "en": ("What time is it, please?", "Turn left at the church.", "Snow fell all through the night."),
    "de": ("Guten Morgen, wie geht es Ihnen?", "Vielen Dank für Ihre Hilfe.", "Wo ist der Bahnhof?"),
    "es": ("¿Dónde está la estación?", "Muchas gracias por su ayuda.", "El tren llega a las ocho."),
    "fr": ("Bonjour, comment allez-vous aujourd'hui ?", "Où sont les toilettes ?", "Vous êtes très gentil."),
    "ko": ("안녕하세요.", "감사합니다.", "오늘 날씨가 참 좋습니다."),
    "ru": ("Как у вас дела?", "Где находится вокзал?", "Спасибо за помощь."),
}


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

    @pytest.mark.parametrize(("language", "phrases"), EVERYDAY.items(), ids=EVERYDAY.keys())
    def test_everyday_phrases_pass_and_their_halves_do_not(
        self, engine: EspeakEngine, language: str, phrases: tuple[str, ...]
    ) -> None:
        """Languages differ in what they write and do not say; the judge must know, or nobody is heard."""
        judge = Judge()
        for phrase in phrases:
            request = SpeechRequest(phrase, language=language)
            whole = speak(engine, request)
            judge.check(request, whole)
            with pytest.raises(EngineFailed, match="too_short"):
                judge.check(request, Speech(whole.samples[: whole.samples.size // 2], whole.sample_rate_hz))

    def test_closing_leaves_no_process(self) -> None:
        engine = EspeakEngine()
        engine.load()
        engine.close()
        assert engine._worker.pid is None

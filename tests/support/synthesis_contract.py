"""What every engine that speaks must keep. Subclass it in a test module that has the fixtures named below.

    @pytest.fixture(scope="module")
    def engine() -> Iterator[SynthesisEngine]: ...
    @pytest.fixture(scope="module")
    def language() -> str: ...                     # one that the engine speaks

    class TestEspeak(SynthesisContract): ...       # and what this engine alone promises

An engine that needs a part (a package, a model, credentials) also keeps MissingPartContract:

    @pytest.fixture
    def engine_without_part() -> tuple[SynthesisEngine, str]: ...   # and the word for what it lacks
"""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from services.voice.engines import EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, SynthesisEngine
from services.voice.synthesis.judgement import Judge

SENTENCE = "The quick brown fox jumps over the lazy dog."
LONG_SENTENCE = (
    f"{SENTENCE[:-1]}, and then it walks slowly back to the forest where it came from this morning."
)
ODD_TEXTS = (
    "漢字とかな",
    "Привет, как дела?",
    "%",
    "a",
    "1234567890",
    "x" * 200,
    "Hello\x00there",
    "!?",
    "e\u0301",
    "\ufffd",
)
MARKUP = (
    "Hello <break time='20s'/> there, my friend.",
    "<speak>Hello <prosody rate='x-slow'>there</prosody>, my friend.</speak>",
    "Hello [[break 20s]] there, my friend.",
    "Hello &lt;break time='20s'/&gt; there, my friend.",
)
AWKWARD_SENTENCE = 'He said — "well…" — that 3,5 % of it (or so) is fine; isn\'t it?'


class SynthesisContract:
    unknown_language: ClassVar[str | None] = None
    """A language that the engine does not speak; None when it takes any."""

    def test_it_says_what_it_is(self, engine: SynthesisEngine, language: str) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", engine.name)
        assert engine.installed
        assert engine.model
        assert engine.availability("default", language).available

    def test_it_speaks_mono_float32_within_bounds(self, engine: SynthesisEngine, language: str) -> None:
        speech = _speak(engine, SENTENCE, language)
        assert speech.samples.dtype == np.float32
        assert speech.samples.ndim == 1
        assert 8_000 <= speech.sample_rate_hz <= 48_000
        assert float(np.abs(speech.samples).max()) <= 1.0

    def test_what_it_speaks_passes_for_the_sentence(self, engine: SynthesisEngine, language: str) -> None:
        for text in (SENTENCE, LONG_SENTENCE, AWKWARD_SENTENCE):
            request = SpeechRequest(text, language=language)
            Judge().check(request, engine.synthesize(request, threading.Event()))

    def test_a_longer_sentence_takes_longer(self, engine: SynthesisEngine, language: str) -> None:
        short, long = (_speak(engine, text, language) for text in (SENTENCE, LONG_SENTENCE))
        assert long.duration_seconds > 1.3 * short.duration_seconds

    @pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
    def test_speed_is_a_factor_of_the_pace(
        self, engine: SynthesisEngine, language: str, speed: float
    ) -> None:
        normal = _speak(engine, LONG_SENTENCE, language).duration_seconds
        changed = _speak(engine, LONG_SENTENCE, language, speed=speed).duration_seconds
        assert 0.6 <= changed * speed / normal <= 1.5

    def test_its_voices_can_be_asked_for(self, engine: SynthesisEngine) -> None:
        engine.load()
        voices = engine.voices()
        assert len({voice.id for voice in voices}) == len(voices)
        assert all(voice.engine == engine.name and voice.name for voice in voices)
        assert all(re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]+)*", voice.language) for voice in voices)
        assert all(engine.availability(voice.id, voice.language).available for voice in voices)

    def test_the_voice_of_another_engine_is_stood_in_for(
        self, engine: SynthesisEngine, language: str
    ) -> None:
        """The chain asks it for a voice that only the engine before it had."""
        request = SpeechRequest(SENTENCE, voice="someone-else", language=language)
        assert engine.availability(request.voice, language).available
        assert engine.synthesize(request, threading.Event()).samples.size

    def test_a_language_is_at_hand_however_its_tag_is_written(
        self, engine: SynthesisEngine, language: str
    ) -> None:
        for tag in (language, language.upper(), language.replace("-", "_")):
            assert engine.availability("default", tag).available

    def test_a_language_that_it_does_not_speak_is_refused_without_being_tried(
        self, engine: SynthesisEngine
    ) -> None:
        if self.unknown_language is None:
            pytest.skip("it takes any language")
        availability = engine.availability("default", self.unknown_language)
        assert (availability.available, availability.reason) == (False, "unsupported_language")
        assert availability.detail
        asked = SpeechRequest(SENTENCE, language=self.unknown_language)
        assert _outcome(engine, asked, threading.Event()) == "unsupported_language"

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_an_odd_text_is_spoken_or_refused_and_breaks_nothing(
        self, engine: SynthesisEngine, language: str, text: str
    ) -> None:
        assert _outcome(engine, SpeechRequest(text, language=language), threading.Event())
        assert _speak(engine, "Hello there.", language).duration_seconds > 0.2

    @pytest.mark.parametrize("text", MARKUP)
    def test_markup_in_a_text_is_no_command(self, engine: SynthesisEngine, language: str, text: str) -> None:
        assert _speak(engine, text, language).duration_seconds < 14.0

    def test_two_sentences_at_once_are_both_spoken(self, engine: SynthesisEngine, language: str) -> None:
        with ThreadPoolExecutor(2) as pool:
            short, long = pool.map(lambda text: _speak(engine, text, language), (SENTENCE, LONG_SENTENCE))
        assert long.duration_seconds > 1.3 * short.duration_seconds

    def test_a_cancelled_call_fails_as_cancelled_or_ends_and_the_next_one_is_served(
        self, engine: SynthesisEngine, language: str
    ) -> None:
        cancelled = threading.Event()
        cancelled.set()
        assert _outcome(engine, SpeechRequest(LONG_SENTENCE, language=language), cancelled) in {
            "ok",
            "cancelled",
        }
        assert _speak(engine, SENTENCE, language).samples.size

    def test_it_speaks_again_after_it_was_closed(self, engine: SynthesisEngine, language: str) -> None:
        engine.load()
        engine.load()
        engine.close()
        engine.close()
        assert _speak(engine, SENTENCE, language).samples.size


class MissingPartContract:
    def test_without_its_part_it_says_so_and_nothing_breaks(
        self, engine_without_part: tuple[SynthesisEngine, str]
    ) -> None:
        engine, word = engine_without_part
        availability = engine.availability("default", "en")
        assert (availability.available, availability.reason) == (False, word)
        assert availability.detail
        assert list(engine.voices()) == []
        with pytest.raises(EngineFailed) as at_load:
            engine.load()
        with pytest.raises(EngineFailed) as at_speech:
            _speak(engine, SENTENCE, "en")
        assert {at_load.value.reason, at_speech.value.reason} == {word}
        engine.close()


def _outcome(engine: SynthesisEngine, request: SpeechRequest, cancelled: threading.Event) -> str:
    try:
        engine.synthesize(request, cancelled)
    except EngineFailed as failure:
        return failure.reason
    return "ok"


def _speak(engine: SynthesisEngine, text: str, language: str, speed: float = 1.0) -> Speech:
    return engine.synthesize(SpeechRequest(text, language=language, speed=speed), threading.Event())

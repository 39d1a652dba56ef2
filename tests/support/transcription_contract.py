"""What every recogniser must keep. Subclass it in a test module that has the fixtures named below.

@pytest.fixture(scope="module")
def engine(models_dir) -> Iterator[TranscriptionEngine]: ...
@pytest.fixture(scope="module")
def engine_without_model(tmp_path_factory) -> TranscriptionEngine: ...
@pytest.fixture(scope="module")
def spoken() -> Spoken: ...

@pytest.mark.models("whisper-base")
class TestFasterWhisper(TranscriptionContract):
    ...  # and what this engine alone promises
"""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from services.voice.engines import EngineFailed
from services.voice.transcription.engine import (
    SAMPLE_RATE_HZ,
    SpeechSpan,
    Transcript,
    TranscriptionEngine,
    Utterance,
)
from services.voice.transcription.voice_activity import speech_spans
from tests.support.recordings import Recording

_SHIFT_SECONDS = 40.0
_TIME_SLACK_SECONDS = 0.5
"""How far a recogniser's times may be off: Whisper's own marks wander by about that."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """`samples`: mono float32 at 16 kHz; `text`: what is said; `word_error_rate_max`: its bound.

    `varies_by`: the word error rate between two hearings of it; Kaldi dithers what it hears.
    """

    samples: NDArray[np.float32]
    text: str
    language: str
    word_error_rate_max: float = 0.1
    varies_by: float = 0.0

    @classmethod
    def of(cls, recording: Recording, word_error_rate_max: float = 0.1) -> "Spoken":
        return cls(recording.samples(), recording.text, "en", word_error_rate_max)


def utterance(spoken: Spoken, *, word_timestamps: bool = False) -> Utterance:
    """With its speech found as the service finds it; the whole of it where none is found."""
    spans = speech_spans(spoken.samples, threading.Event()) or [SpeechSpan(0, len(spoken.samples))]
    return Utterance(spoken.samples, spans, spoken.language, word_timestamps)


def word_error_rate(said: str, heard: str) -> float:
    """Over lower-case words without punctuation; an empty hearing is 1."""
    return float(jiwer.wer(_words(said), _words(heard) or "∅"))


def _words(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower()))


class TranscriptionContract:
    def test_it_says_what_it_is(self, engine: TranscriptionEngine) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", engine.name)
        assert engine.installed
        assert engine.model

    def test_it_hears_the_words(self, engine: TranscriptionEngine, spoken: Spoken) -> None:
        transcript = _transcribe(engine, utterance(spoken))
        assert word_error_rate(spoken.text, transcript.text) <= spoken.word_error_rate_max
        assert transcript.language == spoken.language
        assert transcript.model
        assert transcript.confidence is not None
        assert 0.0 < transcript.confidence <= 1.0

    def test_its_segments_are_the_text_in_order_and_within_the_audio(
        self, engine: TranscriptionEngine, spoken: Spoken
    ) -> None:
        asked = utterance(spoken)
        transcript = _transcribe(engine, asked)
        segments = transcript.segments
        starts = [segment.start_seconds for segment in segments]
        assert segments
        assert starts == sorted(starts)
        assert all(0.0 <= segment.start_seconds <= segment.end_seconds for segment in segments)
        assert segments[-1].end_seconds <= asked.duration_seconds + _TIME_SLACK_SECONDS
        assert all(segment.text and 0.0 <= segment.confidence <= 1.0 for segment in segments)
        assert " ".join(segment.text for segment in segments) == transcript.text

    def test_words_have_times_and_confidences_when_they_are_asked_for(
        self, engine: TranscriptionEngine, spoken: Spoken
    ) -> None:
        asked = utterance(spoken, word_timestamps=True)
        transcript = _transcribe(engine, asked)
        words = [word for segment in transcript.segments for word in segment.words]
        assert "".join(word.text for word in words) == "".join(transcript.text.split())
        starts = [word.start_seconds for word in words]
        assert starts == sorted(starts)
        assert all(0.0 <= word.start_seconds <= word.end_seconds for word in words)
        assert words[-1].end_seconds <= asked.duration_seconds + _TIME_SLACK_SECONDS
        assert all(0.0 <= word.confidence <= 1.0 for word in words)

    def test_times_count_from_the_start_of_the_audio(
        self, engine: TranscriptionEngine, spoken: Spoken
    ) -> None:
        """Speech that begins late has late times, though silence before it is never listened to."""
        shift = int(_SHIFT_SECONDS * SAMPLE_RATE_HZ)
        asked = utterance(spoken, word_timestamps=True)
        late = replace(
            asked,
            samples=np.concatenate([np.zeros(shift, np.float32), spoken.samples]),
            speech=[SpeechSpan(span.start + shift, span.end + shift) for span in asked.speech],
        )
        first = _transcribe(engine, late).segments[0]
        assert first.start_seconds >= _SHIFT_SECONDS - _TIME_SLACK_SECONDS
        assert first.words[0].start_seconds >= _SHIFT_SECONDS - _TIME_SLACK_SECONDS

    def test_a_call_cancelled_before_it_begins_does_nothing(
        self, engine: TranscriptionEngine, spoken: Spoken
    ) -> None:
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(EngineFailed) as raised:
            engine.transcribe(utterance(spoken), cancelled)
        assert raised.value.reason == "cancelled"

    def test_a_call_is_cancelled_half_way(self, engine: TranscriptionEngine, spoken: Spoken) -> None:
        """Five minutes of it: nobody waits for the rest."""
        repeats = int(300 * SAMPLE_RATE_HZ / len(spoken.samples)) + 1
        long = replace(spoken, samples=np.tile(spoken.samples, repeats))
        cancelled = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(engine.transcribe, utterance(long), cancelled)
            with pytest.raises(TimeoutError):
                call.result(timeout=1.0)
            cancelled.set()
            with pytest.raises(EngineFailed) as raised:
                call.result(timeout=20.0)
        assert raised.value.reason == "cancelled"

    def test_two_calls_at_once_hear_the_same(self, engine: TranscriptionEngine, spoken: Spoken) -> None:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda _: _transcribe(engine, utterance(spoken)).text, range(2))
        assert word_error_rate(first, second) <= spoken.varies_by

    def test_it_is_at_hand_for_the_language_that_it_hears(
        self, engine: TranscriptionEngine, spoken: Spoken
    ) -> None:
        assert engine.availability(spoken.language).available

    def test_loading_twice_and_closing_twice_do_no_harm(
        self, engine: TranscriptionEngine, spoken: Spoken
    ) -> None:
        engine.load()
        engine.load()
        before = _transcribe(engine, utterance(spoken)).text
        engine.close()
        engine.close()
        engine.load()
        assert word_error_rate(before, _transcribe(engine, utterance(spoken)).text) <= spoken.varies_by

    def test_without_a_model_it_says_so_and_nothing_breaks(
        self, engine_without_model: TranscriptionEngine, spoken: Spoken
    ) -> None:
        availability = engine_without_model.availability(spoken.language)
        assert (availability.available, availability.reason) == (False, "no_model")
        assert availability.detail
        assert engine_without_model.model is None
        for call in (
            engine_without_model.load,
            lambda: _transcribe(engine_without_model, utterance(spoken)),
        ):
            with pytest.raises(EngineFailed) as raised:
                call()
            assert raised.value.reason == "no_model"
        engine_without_model.close()


def _transcribe(engine: TranscriptionEngine, asked: Utterance) -> Transcript:
    return engine.transcribe(asked, threading.Event())

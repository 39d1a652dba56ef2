"""Short clips with their true words: the bench's sentences in two voices, and phrases cut from recordings."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from services.voice.synthesis.engine import SpeechRequest, SynthesisEngine
from services.voice.synthesis.espeak import EspeakEngine
from services.voice.synthesis.kokoro import KokoroEngine
from services.voice.synthesis.leveling import SAMPLE_RATE_HZ as SPOKEN_RATE_HZ
from services.voice.synthesis.leveling import leveled
from services.voice.transcription.engine import SAMPLE_RATE_HZ, TranscriptionEngine, Word
from tests.support.recordings import Recording, beckett, two_cities
from tests.support.transcription_contract import Spoken, utterance

SENTENCES = Path(__file__).parents[1] / "sentences.txt"
SHORT_SECONDS = 10.0
_PHRASE_END = re.compile(r"(?<=[,.])\s")
_EDGE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Clip:
    """`samples`: mono float32 at 16 kHz; `text`: what is said in it."""

    source: str
    text: str
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


def short_clips(models_dir: Path, timekeeper: TranscriptionEngine) -> list[Clip]:
    """`timekeeper` says where in a recording each word is."""
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()
    kokoro = KokoroEngine([models_dir / "kokoro-int8-ja"])
    clips = [
        *_spoken(EspeakEngine(), sentences[::2]),
        *_spoken(kokoro, sentences[1::4]),
        *_cut(beckett(), timekeeper),
        *_cut(two_cities(), timekeeper),
    ]
    return [clip for clip in clips if clip.seconds <= SHORT_SECONDS]


def _spoken(engine: SynthesisEngine, sentences: list[str]) -> Iterator[Clip]:
    engine.load()
    for sentence in sentences:
        speech = engine.synthesize(SpeechRequest(sentence), threading.Event())
        samples = soxr.resample(leveled(speech), SPOKEN_RATE_HZ, SAMPLE_RATE_HZ)
        yield Clip(engine.name, sentence, np.asarray(samples, dtype=np.float32))
    engine.close()


def _cut(recording: Recording, timekeeper: TranscriptionEngine) -> Iterator[Clip]:
    """One clip a phrase, between its first and its last word."""
    samples = recording.samples()
    words = _timed_words(samples, recording.text, timekeeper)
    at = 0
    for phrase in _PHRASE_END.split(recording.text):
        count = len(_written_words(phrase))
        first, last = words[at], words[at + count - 1]
        at += count
        start = max(0, int((first.start_seconds - _EDGE_SECONDS) * SAMPLE_RATE_HZ))
        end = int((last.end_seconds + _EDGE_SECONDS) * SAMPLE_RATE_HZ)
        yield Clip(recording.path.stem, phrase, samples[start:end])


def _timed_words(samples: NDArray[np.float32], text: str, timekeeper: TranscriptionEngine) -> list[Word]:
    asked = utterance(Spoken(samples, text, "en"), word_timestamps=True)
    transcript = timekeeper.transcribe(asked, threading.Event())
    words = [word for segment in transcript.segments for word in segment.words]
    assert len(words) == len(_written_words(text)), "word for word, or the cuts would be elsewhere"
    return words


def _written_words(text: str) -> list[str]:
    return re.findall(r"[\w'-]*\w[\w'-]*", text)

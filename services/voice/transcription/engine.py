"""The seam between transcription and its recognisers."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.voice.engines import Availability, Engine

SAMPLE_RATE_HZ = 16_000
"""What both recognisers take. Source: Whisper (arXiv:2212.04356, 2.2); Vosk's models likewise."""


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """A stretch in which somebody speaks: sample indices, end exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """Decoded speech. `samples`: mono float32, shape (n,), in [-1, 1], at SAMPLE_RATE_HZ."""

    samples: NDArray[np.float32]
    speech: Sequence[SpeechSpan] = ()
    """Where voice activity was found, in order. Never empty when an engine is asked."""
    language: str | None = None
    """BCP 47 primary subtag (`en`, `ko`); None lets the engine detect it."""
    word_timestamps: bool = False
    prompt: str = ""
    """Text that is taken to come before the speech: names and spellings to expect. Whisper's alone."""
    temperature: float = 0.0
    """0 decodes greedily and warms up where that cannot be trusted. Whisper's alone."""
    translate: bool = False
    """Into English. Whisper's alone."""

    @property
    def duration_seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Word:
    """Seconds from the start of the audio; confidence in [0, 1]."""

    start_seconds: float
    end_seconds: float
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    start_seconds: float
    end_seconds: float
    text: str
    confidence: float
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine heard. Empty `text` and no segments mean: nothing was said."""

    text: str
    language: str | None
    model: str
    segments: Sequence[Segment] = ()
    confidence: float | None = None
    """Mean over words (Vosk) or exp(mean log-probability) (Whisper); None when there is no text."""
    notes: Sequence[str] = field(default=())
    """Stable words for what happened on the way: `full_window`, `repetition_cut`."""


class TranscriptionEngine(Engine, Protocol):
    def availability(self, language: str | None) -> Availability:
        """Whether this engine could transcribe `language` (None: any). Cheap: no load, no import."""
        ...

    def transcribe(self, utterance: Utterance, cancelled: threading.Event) -> Transcript:
        """Blocking. Returns early, raising EngineFailed("cancelled"), soon after `cancelled` is set."""
        ...

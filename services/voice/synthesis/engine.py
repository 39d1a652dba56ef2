"""The seam between synthesis and its engines."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.voice.engines import Availability, Engine


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One sentence to be spoken."""

    text: str
    voice: str = "default"
    language: str = "en"
    """BCP 47 tag."""
    speed: float = 1.0
    """Factor of the normal pace, 0.25 to 4."""


@dataclass(frozen=True, slots=True)
class Speech:
    """`samples`: mono float32, shape (n,), in [-1, 1], at `sample_rate_hz`."""

    samples: NDArray[np.float32]
    sample_rate_hz: int

    @property
    def duration_seconds(self) -> float:
        return len(self.samples) / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that can be asked for by `id`; `language` is a BCP 47 tag."""

    id: str
    name: str
    language: str
    engine: str


class SynthesisEngine(Engine, Protocol):
    def availability(self, voice: str, language: str) -> Availability:
        """Whether this engine could speak with this voice and language. Cheap: no load, no import."""
        ...

    def voices(self) -> Sequence[Voice]:
        """The voices on hand without a network call; empty when the engine is not available."""
        ...

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """Blocking; one sentence. Raises EngineFailed. What it returns is judged by the caller."""
        ...

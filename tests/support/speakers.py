"""Speakers that fail in a chosen way at a chosen sentence, around one that can speak."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.speakable import spoken_units
from tests.support.speech import RATE_HZ, silence, voice

Speaking = Callable[[SpeechRequest, threading.Event], Speech]
WAIT_SECONDS = 30.0
"""Only ever reached when a test fails."""


@dataclass
class Speaker:
    """`says` speaks; `faults` maps the number of a sentence, from 1, to what is done instead."""

    name: str
    says: Speaking
    faults: dict[int, Callable[[Speech], Speech]] = field(default_factory=dict)
    available: Availability = AVAILABLE
    model: str | None = "test"
    installed: bool = True
    asked: list[str] = field(default_factory=list)

    def load(self) -> None: ...

    def close(self) -> None: ...

    def availability(self, voice: str, language: str) -> Availability:
        return self.available

    def voices(self) -> Sequence[Voice]:
        return ()

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        self.asked.append(request.text)
        fault = self.faults.get(len(self.asked))
        speech = self.says(request, cancelled)
        return fault(speech) if fault else speech


def buzzes(pitches_hz: Mapping[str, float]) -> Speaking:
    """Speaks at an English pace, each text at its own pitch, so that one hears which it was."""

    def say(request: SpeechRequest, _: threading.Event) -> Speech:
        seconds = (0.3 + 0.055 * spoken_units(request.text)) / request.speed
        return Speech(voice(seconds, pitch_hz=pitches_hz[request.text]), RATE_HZ)

    return say


def raises(_: Speech) -> Speech:
    raise RuntimeError("the vendor's own error")


def dies(_: Speech) -> Speech:
    raise EngineFailed("died", "its worker was killed")


def hangs(_: Speech) -> Speech:
    """Deaf to being told to stop: for as long as a test may last."""
    threading.Event().wait(WAIT_SECONDS)
    raise AssertionError("nobody waits for this")


def falls_silent(speech: Speech) -> Speech:
    return Speech(silence(speech.duration_seconds, speech.sample_rate_hz), speech.sample_rate_hz)


def says_half(speech: Speech) -> Speech:
    return Speech(speech.samples[: speech.samples.size // 2], speech.sample_rate_hz)


def says_nothing(speech: Speech) -> Speech:
    return Speech(np.zeros(0, dtype=np.float32), speech.sample_rate_hz)


def gives_nan(speech: Speech) -> Speech:
    return Speech(np.full_like(speech.samples, np.nan), speech.sample_rate_hz)

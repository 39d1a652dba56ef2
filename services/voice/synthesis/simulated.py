"""The end of the chain: a tone as long as the speech would be. Plainly no voice, and always at hand.

It keeps clients that expect audio going, and says to a listener that there is something to be mended.
"""

import threading
from collections.abc import Sequence

import numpy as np

from services.voice.engines import AVAILABLE, Availability
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.speakable import spoken_units

_RATE_HZ = 24_000
_TONE_HZ = 440.0
_WORD_SECONDS = 0.25
_SECONDS_PER_UNIT = 0.058
_MAX_SECONDS = 30.0


class SimulatedEngine:
    name = "simulated"
    model: str | None = "tone"
    installed = True

    def availability(self, voice: str, language: str) -> Availability:
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        return ()

    def load(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """A beeping tone of 440 Hz, four beeps a second."""
        seconds = min(_MAX_SECONDS, (0.3 + spoken_units(request.text) * _SECONDS_PER_UNIT) / request.speed)
        at = np.arange(int(seconds * _RATE_HZ)) / _RATE_HZ
        beeps = (at % _WORD_SECONDS) < 0.6 * _WORD_SECONDS
        tone = 0.2 * np.sin(2 * np.pi * _TONE_HZ * at) * beeps
        return Speech(tone.astype(np.float32), _RATE_HZ)

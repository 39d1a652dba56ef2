"""Judges what an engine returned: is this the sentence, spoken? Pure numpy; used by chain.py.

An engine that "succeeds" with silence, with NaN or with half of the text has failed.
"""

import statistics
from collections import defaultdict, deque

import numpy as np
from numpy.typing import NDArray

from services.voice.engines import EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest
from services.voice.synthesis.speakable import spoken_units

SILENCE_RMS = 10 ** (-50 / 20)
"""-50 dBFS: quieter than any voice that is meant to be heard."""
_FRAME_SECONDS = 0.02
_START_SECONDS = 0.3
"""What a sentence takes on top of its characters: onset, last syllable, trailing quiet."""
_PACES = {
    "en": 0.055, "de": 0.047, "es": 0.044, "fr": 0.035, "ja": 0.058, "ko": 0.050, "ru": 0.038, "zh": 0.063,
}  # fmt: skip
"""Seconds per unit of `spoken_units`, until an engine has shown its own. French writes what nobody says."""
_DEFAULT_PACE = 0.055
_WIDEST = 4.0
_SHORTEST = 0.64
"""Share of the expected length below which speech is not all of the sentence. Measured with eSpeak in eight
languages: half of a long-winded sentence has 0.63 of its length, all of a terse one 0.65."""
_SHORTEST_GUESSED = 0.4
"""For a language of which nothing is known, until its pace is learnt."""
_LEARNT_SHARE_MAX = 1.7
"""What took longer was spelled out: it says nothing about the pace."""
_LEARNT_SAMPLES = 64
_MIN_SAMPLES = 5
_MIN_UNITS = 12
"""Under this, a word's own length decides, and only silence and absurd lengths are told apart."""


class Judge:
    """One for each engine: it learns that engine's pace in each language from what passed."""

    def __init__(self) -> None:
        self._learnt: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_LEARNT_SAMPLES))

    def check(self, request: SpeechRequest, speech: Speech) -> None:
        """Raises EngineFailed: `empty`, `not_finite`, `silence`, `too_short`, `too_long`."""
        samples = speech.samples
        if samples.size == 0:
            raise EngineFailed("empty")
        if not np.isfinite(samples).all():
            raise EngineFailed("not_finite")
        voiced = voiced_frames(samples, speech.sample_rate_hz)
        if not voiced.any():
            raise EngineFailed("silence")
        self._check_length(request, speech, voiced)

    def _check_length(self, request: SpeechRequest, speech: Speech, voiced: NDArray[np.bool_]) -> None:
        units = spoken_units(request.text)
        language = request.language.replace("_", "-").split("-")[0].lower()
        pace, shortest = self._pace(language)
        voiced_seconds = _span_seconds(voiced) * request.speed
        share = voiced_seconds / (_START_SECONDS + units * pace)
        if share > _WIDEST:
            raise EngineFailed("too_long")
        if units < _MIN_UNITS:
            return
        if share < shortest:
            raise EngineFailed("too_short")
        if shortest == _SHORTEST_GUESSED or share <= _LEARNT_SHARE_MAX:
            self._learnt[language].append(max(0.02, (voiced_seconds - _START_SECONDS) / units))

    def _pace(self, language: str) -> tuple[float, float]:
        """Seconds per unit, and the share of the expected length that is the least."""
        learnt = self._learnt[language]
        if len(learnt) >= _MIN_SAMPLES:
            return statistics.median(learnt), _SHORTEST
        if language in _PACES:
            return _PACES[language], _SHORTEST
        return _DEFAULT_PACE, _SHORTEST_GUESSED


def voiced_frames(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.bool_]:
    """Which frames of 20 ms have a signal. Shape (frames,)."""
    return np.asarray(frame_rms(samples, sample_rate_hz) > SILENCE_RMS)


def frame_rms(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    """Of each frame of 20 ms, shape (frames,), at least one; a constant offset is no signal."""
    length = max(1, int(sample_rate_hz * _FRAME_SECONDS))
    usable = samples[: samples.size // length * length]
    frames = (usable if usable.size else np.resize(samples, length)).reshape(-1, length).astype(np.float64)
    return np.asarray(frames.std(axis=1))


def _span_seconds(voiced: NDArray[np.bool_]) -> float:
    at = np.flatnonzero(voiced)
    return float((at[-1] - at[0] + 1) * _FRAME_SECONDS)

"""Judges what an engine returned: is this the sentence, spoken? Pure numpy; used by chain.py.

An engine that "succeeds" with silence, with NaN or with half of the text has failed.
"""

import statistics
from collections import deque

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
_DEFAULT_PACE = 0.058
"""Seconds per unit of `spoken_units` until an engine's own pace is known."""
_WIDEST = 4.0
_SHORTEST = 0.62
_SHORTEST_IF_CUT = 0.85
"""Shares of the expected length below which speech is not all of the sentence; the second when it also ends
at full voice."""
_LEARNT_SAMPLES = 64
_MIN_SAMPLES = 5
_MIN_UNITS = 12
"""Under this, a word's own length decides, and only silence and absurd lengths are told apart."""


class Judge:
    """One for each engine: it learns that engine's pace from what passed."""

    def __init__(self) -> None:
        self._paces: deque[float] = deque(maxlen=_LEARNT_SAMPLES)

    def check(self, request: SpeechRequest, speech: Speech) -> None:
        """Raises EngineFailed: `empty`, `not_finite`, `silence`, `too_short`, `cut_off`, `too_long`."""
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
        voiced_seconds = _span_seconds(voiced)
        expected = (_START_SECONDS + units * self._pace()) / request.speed
        share = voiced_seconds / expected
        if share > _WIDEST:
            raise EngineFailed("too_long")
        if units >= _MIN_UNITS:
            if share < _SHORTEST:
                raise EngineFailed("too_short")
            if share < _SHORTEST_IF_CUT and ends_at_full_voice(speech):
                raise EngineFailed("cut_off")
            self._paces.append(max(0.02, (voiced_seconds * request.speed - _START_SECONDS) / units))

    def _pace(self) -> float:
        enough = len(self._paces) >= _MIN_SAMPLES
        return statistics.median(self._paces) if enough else _DEFAULT_PACE


def voiced_frames(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.bool_]:
    """Which frames of 20 ms have a signal. Shape (frames,)."""
    return np.asarray(frame_rms(samples, sample_rate_hz) > SILENCE_RMS)


def frame_rms(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    """Of each frame of 20 ms, shape (frames,), at least one; a constant offset is no signal."""
    length = max(1, int(sample_rate_hz * _FRAME_SECONDS))
    usable = samples[: samples.size // length * length]
    frames = (usable if usable.size else np.resize(samples, length)).reshape(-1, length).astype(np.float64)
    return np.asarray(frames.std(axis=1))


def ends_at_full_voice(speech: Speech) -> bool:
    """Whether the last 40 ms are as loud as the speech is on the whole: an utterance dies away."""
    tail = speech.samples[-int(0.04 * speech.sample_rate_hz) :]
    voiced = speech.samples[np.abs(speech.samples) > SILENCE_RMS]
    return bool(np.std(tail) > 0.5 * np.std(voiced)) if voiced.size else False


def _span_seconds(voiced: NDArray[np.bool_]) -> float:
    at = np.flatnonzero(voiced)
    return float((at[-1] - at[0] + 1) * _FRAME_SECONDS)

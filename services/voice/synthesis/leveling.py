"""Brings all speech to one sample rate and one loudness, so that a hand-over is not heard as a jump."""

import numpy as np
import soxr
from numpy.typing import NDArray

from services.voice.synthesis.engine import Speech
from services.voice.synthesis.judgement import voiced_frames

SAMPLE_RATE_HZ = 24_000
"""Kokoro's and Google's own rate; eSpeak's 22,050 Hz is brought up to it."""
TARGET_RMS = 10 ** (-20 / 20)
"""-20 dBFS over the voiced frames, a common level of speech."""
_PEAK = 0.97
_FADE_SECONDS = 0.005
SENTENCE_GAP_SECONDS = 0.2


def leveled(speech: Speech) -> NDArray[np.float32]:
    """Mono float32, shape (n,), in [-0.97, 0.97], at SAMPLE_RATE_HZ, with soft edges."""
    samples = np.ascontiguousarray(speech.samples, dtype=np.float32)
    samples = samples - np.mean(samples, dtype=np.float64).astype(np.float32)
    if speech.sample_rate_hz != SAMPLE_RATE_HZ:
        samples = soxr.resample(samples, speech.sample_rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    return _faded(np.clip(samples * _gain(samples), -_PEAK, _PEAK).astype(np.float32))


def gap() -> NDArray[np.float32]:
    """The pause between two sentences."""
    return np.zeros(int(SENTENCE_GAP_SECONDS * SAMPLE_RATE_HZ), dtype=np.float32)


def _gain(samples: NDArray[np.float32]) -> float:
    length = int(SAMPLE_RATE_HZ * 0.02)
    voiced = np.repeat(voiced_frames(samples, SAMPLE_RATE_HZ), length)[: samples.size]
    loud = samples[: voiced.size][voiced[: samples.size]]
    rms = float(np.sqrt(np.mean(np.square(loud, dtype=np.float64)))) if loud.size else 0.0
    peak = float(np.max(np.abs(samples))) if samples.size else 0.0
    if rms == 0.0 or peak == 0.0:
        return 1.0
    return min(TARGET_RMS / rms, 1.5 * _PEAK / peak)  # a few limited peaks are not heard; a pumped level is


def _faded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    length = min(int(_FADE_SECONDS * SAMPLE_RATE_HZ), samples.size // 2)
    if length:
        ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
        samples[:length] *= ramp
        samples[-length:] *= ramp[::-1]
    return samples

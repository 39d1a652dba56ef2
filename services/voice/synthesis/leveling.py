"""Brings all speech to one sample rate and one loudness, so that a hand-over is not heard as a jump."""

import numpy as np
import soxr
from numpy.typing import NDArray

from services.voice.synthesis.engine import Speech
from services.voice.synthesis.judgement import SILENCE_RMS, frame_rms

SAMPLE_RATE_HZ = 24_000
"""Kokoro's and Google's own rate; eSpeak's 22,050 Hz is brought up to it."""
TARGET_RMS = 10 ** (-20 / 20)
"""-20 dBFS while speaking, a common level of speech."""
_GATE = 10 ** (-10 / 10)
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
    rms = speaking_rms(samples)
    peak = float(np.max(np.abs(samples))) if samples.size else 0.0
    if rms == 0.0 or peak == 0.0:
        return 1.0
    return min(TARGET_RMS / rms, 1.5 * _PEAK / peak)  # a few limited peaks are not heard; a pumped level is


def speaking_rms(samples: NDArray[np.float32]) -> float:
    """Of the frames in which somebody speaks, at SAMPLE_RATE_HZ; 0 for silence.

    Frames 10 dB under the mean are pauses. Source: the relative gate of ITU-R BS.1770-5, annex 1.
    """
    rms = frame_rms(samples, SAMPLE_RATE_HZ)
    power = np.square(rms[rms > SILENCE_RMS])
    if power.size == 0:
        return 0.0
    return float(np.sqrt(np.mean(power[power >= _GATE * np.mean(power)])))


def _faded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    length = min(int(_FADE_SECONDS * SAMPLE_RATE_HZ), samples.size // 2)
    if length:
        ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
        samples[:length] *= ramp
        samples[-length:] *= ramp[::-1]
    return samples

"""Speech for tests: signals with its measures, made on the spot, and what an engine says when it is asked."""

import threading

import numpy as np
from numpy.typing import NDArray

from services.voice.synthesis.engine import Speech, SpeechRequest, SynthesisEngine

RATE_HZ = 24_000


def voice(
    seconds: float, rate_hz: int = RATE_HZ, *, level_db: float = -20.0, pitch_hz: float = 140.0
) -> NDArray[np.float32]:
    """A buzz in four syllables a second that dies away at its end. Mono float32, shape (n,)."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    buzz = sum(np.sin(2 * np.pi * pitch_hz * harmonic * at) / harmonic for harmonic in range(1, 12))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at - np.pi / 2)
    fade = np.minimum(1.0, (seconds - at) / 0.15)
    shaped = buzz * syllables * fade
    scale = 10 ** (level_db / 20) / np.sqrt(np.mean(np.square(shaped)))
    return np.asarray(shaped * scale, dtype=np.float32)


def silence(seconds: float, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    return np.zeros(int(seconds * rate_hz), dtype=np.float32)


def rms_db(samples: NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def pitch_hz(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> float:
    """The strongest frequency between 60 and 400 Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    frequencies = np.fft.rfftfreq(samples.size, 1 / rate_hz)
    band = (frequencies > 60) & (frequencies < 400)
    return float(frequencies[band][np.argmax(spectrum[band])])


def speak(engine: SynthesisEngine, request: SpeechRequest) -> Speech:
    """By the engine itself, with nobody who could cancel."""
    return engine.synthesize(request, threading.Event())

"""PCM16 as it arrives, at any rate, as samples at the recognisers' rate, without clicks at the seams."""

import numpy as np
import soxr
from numpy.typing import NDArray

from services.voice.transcription.engine import SAMPLE_RATE_HZ

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
_BYTES_PER_SAMPLE = 2


class PcmInput:
    """`rate_hz`: of the mono, signed, little-endian input."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._odd_byte = b""
        self._resampler = (
            None
            if rate_hz == SAMPLE_RATE_HZ
            else soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="MQ")
        )

    def samples(self, pcm: bytes) -> NDArray[np.float32]:
        """Mono float32, shape (n,), in [-1, 1], at SAMPLE_RATE_HZ; half a sample waits for its other half."""
        raw = self._odd_byte + pcm
        whole = len(raw) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE
        self._odd_byte = raw[whole:]
        samples = np.frombuffer(raw[:whole], dtype="<i2").astype(np.float32) / 32768.0
        if self._resampler is None:
            return samples
        return np.asarray(self._resampler.resample_chunk(samples), dtype=np.float32)

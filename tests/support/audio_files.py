"""Audio files for tests, made on the spot: good ones in any format, and hostile ones."""

import io
import struct

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

RATE_HZ = 16_000
_LARGEST_BLOCK = 65_535
"""Samples in a FLAC frame: the fewer frames, the smaller the file. Source: RFC 9639, 9.1.1."""


def tone(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1) -> NDArray[np.float32]:
    """A 220 Hz tone, float32, shape (channels, n)."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    return np.tile((0.3 * np.sin(2 * np.pi * 220 * at)).astype(np.float32), (channels, 1))


def wav(samples: NDArray[np.float32], rate_hz: int = RATE_HZ, *, data_bytes: int | None = None) -> bytes:
    """PCM16 WAV; `samples` has shape (channels, n); `data_bytes` overrides the length that it claims."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").T.tobytes()
    channels = samples.shape[0]
    return wav_header(channels, rate_hz, len(pcm) if data_bytes is None else data_bytes) + pcm


def wav_header(channels: int, rate_hz: int, data_bytes: int) -> bytes:
    block = (channels * 2) & 0xFFFF
    riff = min(36 + data_bytes, 0xFFFFFFFF)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, channels, rate_hz, (rate_hz * block) & 0xFFFFFFFF, block, 16,
        b"data", data_bytes,
    )  # fmt: skip


def encoded(samples: NDArray[np.float32], container: str, codec: str, rate_hz: int = RATE_HZ) -> bytes:
    """`samples`: shape (1, n)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32), format="flt", layout="mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(stream.format, "mono", rate_hz, frame_size=_frame_size(codec))
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def _frame_size(codec: str) -> int | None:
    return {"flac": 4096, "libmp3lame": 1152, "aac": 1024, "libopus": 960}.get(codec)


def silent_flac(seconds: int, rate_hz: int = 48_000) -> bytes:
    """Hours of silence in a few hundred kilobytes, with their true length in the header."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as output:
        stream = output.add_stream("flac", rate=rate_hz, options={"frame_size": str(_LARGEST_BLOCK)})
        assert isinstance(stream, AudioStream)
        stream.layout, stream.format = "mono", "s16"
        samples = np.zeros((1, _LARGEST_BLOCK), dtype=np.int16)
        for start in range(0, seconds * rate_hz, _LARGEST_BLOCK):
            block = samples[:, : seconds * rate_hz - start]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()

"""Encodes speech piece by piece: the bytes of a sentence leave before the next is spoken."""

import io
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, cast

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from services.voice.synthesis.leveling import SAMPLE_RATE_HZ


class AudioFormat(StrEnum):
    WAV = "wav"
    MP3 = "mp3"
    OPUS = "opus"
    FLAC = "flac"
    PCM = "pcm"


MEDIA_TYPES = {
    AudioFormat.WAV: "audio/wav",
    AudioFormat.MP3: "audio/mpeg",
    AudioFormat.OPUS: "audio/ogg; codecs=opus",
    AudioFormat.FLAC: "audio/flac",
    AudioFormat.PCM: f"audio/L16; rate={SAMPLE_RATE_HZ}; channels=1",
}
OPUS_RATE_HZ = 48_000
_UNKNOWN_LENGTH = 0xFFFFFFFF


def sample_rate_hz(chosen: AudioFormat) -> int:
    """Of the encoded audio; Opus always runs at 48 kHz. Source: RFC 7845, 5.1."""
    return OPUS_RATE_HZ if chosen is AudioFormat.OPUS else SAMPLE_RATE_HZ


class Encoder(Protocol):
    """Takes mono float32 at SAMPLE_RATE_HZ; gives bytes as they are ready. Blocking, but quick."""

    def encode(self, samples: NDArray[np.float32]) -> bytes: ...

    def finish(self) -> bytes: ...


def encoder_for(chosen: AudioFormat) -> Encoder:
    builders: dict[AudioFormat, Callable[[], Encoder]] = {
        AudioFormat.WAV: lambda: PcmEncoder(wav_header(_UNKNOWN_LENGTH)),
        AudioFormat.PCM: lambda: PcmEncoder(b""),
        AudioFormat.MP3: lambda: FFmpegEncoder("mp3", "libmp3lame", "s16p", SAMPLE_RATE_HZ, 64_000),
        AudioFormat.OPUS: lambda: FFmpegEncoder("ogg", "libopus", "flt", OPUS_RATE_HZ, 32_000),
        AudioFormat.FLAC: lambda: FFmpegEncoder("flac", "flac", "s16", SAMPLE_RATE_HZ, None),
    }
    return builders[chosen]()


def encode_whole(samples: NDArray[np.float32], chosen: AudioFormat) -> bytes:
    """A complete file; a WAV's header has its true length."""
    if chosen is AudioFormat.WAV:
        body = pcm16(samples)
        return wav_header(len(body)) + body
    encoder = encoder_for(chosen)
    return encoder.encode(samples) + encoder.finish()


def pcm16(samples: NDArray[np.float32]) -> bytes:
    """Signed 16-bit little-endian."""
    return (np.clip(samples, -1.0, 1.0) * 32767.0).round().astype("<i2").tobytes()


def wav_header(data_bytes: int) -> bytes:
    """44 bytes for mono PCM16. While the length is unknown it is 0xFFFFFFFF, as streaming writers put it."""
    riff_bytes = _UNKNOWN_LENGTH if data_bytes == _UNKNOWN_LENGTH else 36 + data_bytes
    rate = SAMPLE_RATE_HZ
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", riff_bytes, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", data_bytes,
    )  # fmt: skip


class PcmEncoder:
    def __init__(self, header: bytes) -> None:
        self._header = header

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        header, self._header = self._header, b""
        return header + pcm16(samples)

    def finish(self) -> bytes:
        return self.encode(np.zeros(0, dtype=np.float32))


class FFmpegEncoder:
    """A container written into a buffer that cannot seek, drained after each piece."""

    def __init__(
        self, container: str, codec: str, sample_format: str, rate_hz: int, bit_rate: int | None
    ) -> None:
        self._buffer = _Drain()
        self._container = av.open(self._buffer, "w", format=container)
        stream = cast("AudioStream", self._container.add_stream(codec, rate=rate_hz))
        stream.layout = "mono"
        stream.format = sample_format
        if bit_rate:
            stream.bit_rate = bit_rate
        self._stream = stream
        self._resampler = AudioResampler(format=sample_format, layout="mono", rate=rate_hz)
        self._at = 0

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        if samples.size:
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts = self._at
            self._at += samples.size
            self._mux(frame)
        return self._buffer.drain()

    def finish(self) -> bytes:
        self._mux(None)
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._buffer.drain()

    def _mux(self, frame: av.AudioFrame | None) -> None:
        for resampled in self._resampler.resample(frame):
            self._container.mux(self._stream.encode(resampled))


class _Drain(io.RawIOBase):
    """Collects what the muxer writes. Has no seek: a header once sent cannot be mended."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raw = bytes(memoryview(data))  # type: ignore[arg-type]  # RawIOBase promises a buffer
        self._written += raw
        return len(raw)

    def drain(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken

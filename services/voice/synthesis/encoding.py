"""Encodes speech piece by piece: the bytes of a sentence leave before the next is spoken."""

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Protocol, cast

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
    AAC = "aac"
    FLAC = "flac"
    PCM = "pcm"


MEDIA_TYPES = {
    AudioFormat.WAV: "audio/wav",
    AudioFormat.MP3: "audio/mpeg",
    AudioFormat.OPUS: "audio/ogg; codecs=opus",
    AudioFormat.AAC: "audio/aac",
    AudioFormat.FLAC: "audio/flac",
    AudioFormat.PCM: f"audio/pcm; rate={SAMPLE_RATE_HZ}; channels=1",
}
"""Not audio/L16 for PCM: that is big-endian. Source: RFC 2586, 3."""
OPUS_RATE_HZ = 48_000
_OGG_PAGE_SECONDS = 0.1
"""FFmpeg's own is a second, and it holds a page back: two seconds of a sentence would wait for the next."""
_UNKNOWN_LENGTH = 0xFFFFFFFF


def sample_rate_hz(chosen: AudioFormat) -> int:
    """Of the encoded audio; Opus always runs at 48 kHz. Source: RFC 7845, 5.1."""
    return OPUS_RATE_HZ if chosen is AudioFormat.OPUS else SAMPLE_RATE_HZ


class Encoder(Protocol):
    """Takes mono float32 at SAMPLE_RATE_HZ; gives bytes as they are ready. Blocking, but quick."""

    def encode(self, samples: NDArray[np.float32]) -> bytes: ...

    def finish(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Codec:
    """FFmpeg's names; `bit_rate`: bits per second, None for a lossless codec."""

    container: str
    codec: str
    sample_format: str
    rate_hz: int
    bit_rate: int | None
    options: Mapping[str, str] = field(default_factory=dict)


_CODECS = {
    AudioFormat.MP3: _Codec("mp3", "libmp3lame", "s16p", SAMPLE_RATE_HZ, 64_000),
    AudioFormat.OPUS: _Codec(
        "ogg", "libopus", "flt", OPUS_RATE_HZ, 32_000, {"page_duration": str(int(_OGG_PAGE_SECONDS * 1e6))}
    ),
    AudioFormat.AAC: _Codec("adts", "aac", "fltp", SAMPLE_RATE_HZ, 64_000),
    AudioFormat.FLAC: _Codec("flac", "flac", "s16", SAMPLE_RATE_HZ, None),
}


def encoder_for(chosen: AudioFormat) -> Encoder:
    if chosen in _CODECS:
        return FFmpegEncoder(_CODECS[chosen])
    return PcmEncoder(wav_header(_UNKNOWN_LENGTH) if chosen is AudioFormat.WAV else b"")


def encode_whole(samples: NDArray[np.float32], chosen: AudioFormat) -> bytes:
    """A complete file: unlike a stream's, its header has the true length."""
    if chosen in _CODECS:
        buffer = io.BytesIO()
        file = _FFmpegFile(buffer, _CODECS[chosen])
        file.write(samples)
        file.close()
        return buffer.getvalue()
    body = pcm16(samples)
    return wav_header(len(body)) + body if chosen is AudioFormat.WAV else body


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

    def __init__(self, codec: _Codec) -> None:
        self._buffer = _Drain()
        self._file = _FFmpegFile(cast("IO[bytes]", self._buffer), codec)

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        self._file.write(samples)
        return self._buffer.drain()

    def finish(self) -> bytes:
        self._file.close()
        return self._buffer.drain()


class _FFmpegFile:
    """`buffer`: where the container goes; the header is mended at the end if it can seek."""

    def __init__(self, buffer: IO[bytes], codec: _Codec) -> None:
        self._container = av.open(buffer, "w", format=codec.container, options=dict(codec.options))
        stream = cast("AudioStream", self._container.add_stream(codec.codec, rate=codec.rate_hz))
        stream.layout = "mono"
        stream.format = codec.sample_format
        if codec.bit_rate:
            stream.bit_rate = codec.bit_rate
        self._stream = stream
        self._resampler = AudioResampler(format=codec.sample_format, layout="mono", rate=codec.rate_hz)
        self._at = 0

    def write(self, samples: NDArray[np.float32]) -> None:
        if samples.size:
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts = self._at
            self._at += samples.size
            self._mux(frame)

    def close(self) -> None:
        self._mux(None)
        self._container.mux(self._stream.encode(None))
        self._container.close()

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

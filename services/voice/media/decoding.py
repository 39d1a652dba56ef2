"""Decodes an uploaded file to mono samples, as a stream and within limits. Blocking; run in a pool.

FFmpeg would open playlists and addresses named inside a file: only demuxers of plain audio are allowed, and
it reads from our file object alone, so there is no protocol that could reach out.
"""

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from services.voice.engines import EngineFailed
from services.voice.media.wav_header import refuse_lying_wav
from services.voice.problems import AudioTooLong, DamagedAudio, UnsupportedAudio

SAMPLE_RATE_HZ = 16_000
_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,caf,eac3,flac,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,ogg,tta,w64,wav,wv"
)
_OPTIONS = {"format_whitelist": _DEMUXERS, "max_probe_packets": "0"}
"""No looking for another codec inside of PCM: that took two thirds of a WAV file's decoding."""
_IN_MEMORY_SECONDS = 600
"""Longer audio goes to a memory-mapped temporary file: four hours are 921 MB of float32."""
_DECLARED_SLACK = 0.9
"""Containers round their duration, and codecs have a delay; a tenth missing is not rounding."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    max_duration_seconds: float
    max_channels: int


def decode(
    file: BinaryIO,
    size_bytes: int,
    limits: DecodeLimits,
    cancelled: threading.Event,
) -> NDArray[np.float32]:
    """Mono float32, shape (n,), in [-1, 1], at SAMPLE_RATE_HZ; more than ten minutes are memory-mapped.

    Raises UnsupportedAudio, DamagedAudio, AudioTooLong, or EngineFailed("cancelled").
    """
    if size_bytes == 0:
        raise DamagedAudio("The file is empty.")
    refuse_lying_wav(file, size_bytes)
    try:
        with _open(file) as container:
            stream = _audio_stream(container, limits)
            return _Samples(limits).collect(_chunks(container, stream, cancelled), _declared_seconds(stream))
    except av.error.FFmpegError as exc:
        raise DamagedAudio("The file breaks off or is damaged; it could not be decoded.") from exc
    except (ValueError, MemoryError, OverflowError) as exc:
        raise UnsupportedAudio("The file describes audio that cannot be decoded.") from exc


def _open(file: BinaryIO) -> InputContainer:
    try:
        return av.open(file, "r", options=_OPTIONS, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as exc:
        raise UnsupportedAudio("This is not an audio file of a kind that can be read here.") from exc


def _audio_stream(container: InputContainer, limits: DecodeLimits) -> AudioStream:
    if not container.streams.audio:
        raise UnsupportedAudio("There is no audio in this file.")
    stream = container.streams.audio[0]
    channels = stream.codec_context.channels
    if not 1 <= channels <= limits.max_channels:
        raise UnsupportedAudio(
            f"The audio has {channels} channels; at most {limits.max_channels} are taken.", channels=channels
        )
    declared = _declared_seconds(stream)
    if declared is not None and declared > limits.max_duration_seconds:
        raise _too_long(limits)
    return stream


def _declared_seconds(stream: AudioStream) -> float | None:
    if stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _chunks(
    container: InputContainer, stream: AudioStream, cancelled: threading.Event
) -> Iterator[NDArray[np.float32]]:
    """Mono chunks at SAMPLE_RATE_HZ. Channels are averaged here: FFmpeg mixes down known layouts only.

    Interleaved samples, because PyAV reads past the end of a planar frame of more than eight channels.
    """
    resampler = AudioResampler(format="flt", layout=stream.codec_context.layout, rate=SAMPLE_RATE_HZ)
    for frame in container.decode(stream):
        if cancelled.is_set():
            raise EngineFailed("cancelled")
        yield from _mono(resampler.resample(frame))
    yield from _mono(resampler.resample(None))


def _mono(frames: list[AudioFrame]) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        interleaved = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
        yield interleaved.mean(axis=1, dtype=np.float32)


def _too_long(limits: DecodeLimits) -> AudioTooLong:
    hours = limits.max_duration_seconds / 3600
    return AudioTooLong(
        f"The audio is longer than {hours:g} hours.", max_duration_seconds=limits.max_duration_seconds
    )


class _Samples:
    """Collects chunks in memory, and past ten minutes in a temporary file, up to the limit."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._chunks: list[NDArray[np.float32]] = []
        self._spill: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._count = 0
        self._written = 0

    def collect(
        self, chunks: Iterator[NDArray[np.float32]], declared_seconds: float | None
    ) -> NDArray[np.float32]:
        try:
            for chunk in chunks:
                self._add(chunk)
            return self._finish(declared_seconds)
        finally:
            if self._spill is not None:
                self._spill.close()

    def _add(self, chunk: NDArray[np.float32]) -> None:
        self._count += len(chunk)
        if self._count > self._limits.max_duration_seconds * SAMPLE_RATE_HZ:
            raise _too_long(self._limits)
        self._chunks.append(chunk)
        if self._count - self._written > _IN_MEMORY_SECONDS * SAMPLE_RATE_HZ:
            self._write_out()

    def _write_out(self) -> None:
        if self._spill is None:
            self._spill = tempfile.NamedTemporaryFile(prefix="parley-pcm-")  # noqa: SIM115 — closed by collect
        for chunk in self._chunks:
            self._spill.write(_sane(chunk).tobytes())
        self._chunks.clear()
        self._written = self._count

    def _finish(self, declared_seconds: float | None) -> NDArray[np.float32]:
        if self._count == 0:
            raise DamagedAudio("There is no audio in the file.")
        seconds = self._count / SAMPLE_RATE_HZ
        if declared_seconds is not None and seconds < declared_seconds * _DECLARED_SLACK - 0.5:
            raise DamagedAudio(
                "The file breaks off: it holds less audio than it says.",
                declared_seconds=round(declared_seconds, 2),
                decoded_seconds=round(seconds, 2),
            )
        if self._spill is None:
            return _sane(np.concatenate(self._chunks))
        self._write_out()
        self._spill.flush()
        return np.memmap(self._spill.name, dtype=np.float32, mode="r", shape=(self._count,))


def _sane(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Float WAV files may hold anything; an infinity would poison every average after it."""
    return np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)

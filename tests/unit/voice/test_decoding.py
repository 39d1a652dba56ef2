"""An upload becomes mono samples, within limits; what is damaged or hostile becomes a problem."""

import io
import struct
import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.problems import ProblemError
from services.voice.engines import EngineFailed
from services.voice.media.decoding import DecodeLimits, decode
from services.voice.problems import AudioTooLong, DamagedAudio, UnsupportedAudio
from tests.support import audio_files
from tests.support.audio_files import RATE_HZ, encoded, tone, wav, wav_header

LIMITS = DecodeLimits(max_duration_seconds=60, max_channels=32)


def decoded(raw: bytes, limits: DecodeLimits = LIMITS) -> NDArray[np.float32]:
    return decode(io.BytesIO(raw), len(raw), limits, threading.Event())


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 16_000),
        ("wav", "pcm_f32le", 44_100),
        ("flac", "flac", 16_000),
        ("mp3", "libmp3lame", 44_100),
        ("ogg", "libopus", 48_000),
        ("webm", "libopus", 48_000),
        ("mp4", "aac", 44_100),
        ("adts", "aac", 44_100),
        ("aiff", "pcm_s16be", 22_050),
        ("caf", "pcm_s16le", 16_000),
    ],
)
def test_every_common_container_and_codec_is_read(container: str, codec: str, rate_hz: int) -> None:
    samples = decoded(encoded(tone(2.0, rate_hz), container, codec, rate_hz))
    assert samples.dtype == np.float32
    assert len(samples) / RATE_HZ == pytest.approx(2.0, abs=0.12)
    assert 0.15 < float(np.sqrt(np.mean(samples**2))) < 0.25


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 32])
def test_channels_are_averaged_to_one(channels: int) -> None:
    samples = decoded(wav(tone(1.0, channels=channels)))
    assert samples.shape == (RATE_HZ,)
    assert float(np.abs(samples).max()) == pytest.approx(0.3, abs=0.01)


def test_a_recorders_open_ended_wav_is_read_to_its_end() -> None:
    for length in (0xFFFFFFFF, 0):
        assert len(decoded(wav(tone(1.0), data_bytes=length))) == pytest.approx(RATE_HZ, abs=64)


def _flipped(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: b"", DamagedAudio),
        (lambda: np.random.default_rng(1).bytes(50_000), UnsupportedAudio),
        (lambda: b"This is no audio, it is a letter to the editor.\n" * 200, UnsupportedAudio),
        (lambda: wav(tone(2.0))[:20_000], DamagedAudio),
        (lambda: wav(tone(1.0), data_bytes=2**31), DamagedAudio),
        (lambda: _flipped(encoded(tone(8.0), "flac", "flac")), DamagedAudio),
        (lambda: _flipped(encoded(tone(8.0), "mp4", "aac")), ProblemError),
        (lambda: wav_header(65_535, 16_000, 4000) + bytes(4000), UnsupportedAudio),
        (lambda: wav(tone(0.5, channels=33)), UnsupportedAudio),
        (lambda: wav_header(0, 16_000, 4000) + bytes(4000), ProblemError),
        (lambda: wav_header(1, 0, 4000) + bytes(4000), ProblemError),
        (lambda: wav_header(1, 16_000, 0), DamagedAudio),
        (lambda: b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.wav\n", UnsupportedAudio),
        (lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", UnsupportedAudio),
        (lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", UnsupportedAudio),
        (lambda: b"v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n", UnsupportedAudio),
        (lambda: b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>", UnsupportedAudio),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(2000), UnsupportedAudio),
    ],
    ids=[
        "empty", "random", "text", "truncated wav", "lying wav", "truncated flac", "truncated mp4",
        "65,535 channels", "33 channels", "no channels", "no rate", "header only", "playlist",
        "stream playlist", "concat list", "session description", "dash manifest", "picture",
    ],
)  # fmt: skip
def test_what_is_damaged_or_hostile_becomes_a_problem(
    make: Callable[[], bytes], problem: type[ProblemError]
) -> None:
    with pytest.raises(problem) as caught:
        decoded(make())
    assert 400 <= caught.value.status < 500


def test_audio_past_the_limit_is_refused_by_its_header_alone() -> None:
    raw = audio_files.silent_flac(120)
    with pytest.raises(AudioTooLong):
        decoded(raw)


def test_audio_past_the_limit_is_refused_where_the_header_lies() -> None:
    raw = bytearray(audio_files.silent_flac(120))
    position = raw.index(b"fLaC") + 8 + 10  # the streaminfo's sample rate, channels, bits and total samples
    packed = struct.unpack(">Q", raw[position : position + 8])[0]
    raw[position : position + 8] = struct.pack(">Q", packed & ~((1 << 36) - 1))  # total: unknown
    with pytest.raises(AudioTooLong):
        decoded(bytes(raw))


def test_infinities_in_a_float_wav_do_not_reach_the_engine() -> None:
    samples = tone(0.5)
    samples[0, 100:110] = np.inf
    samples[0, 200:210] = np.nan
    found = decoded(encoded(samples, "wav", "pcm_f32le"))
    assert np.isfinite(found).all()
    assert float(np.abs(found).max()) <= 1.0


def test_more_than_ten_minutes_are_mapped_from_disk() -> None:
    found = decoded(audio_files.silent_flac(601), DecodeLimits(4 * 3600, 32))
    assert isinstance(found, np.memmap)
    assert len(found) == pytest.approx(601 * RATE_HZ, abs=RATE_HZ)


def test_a_cancelled_decoding_stops() -> None:
    cancelled = threading.Event()
    cancelled.set()
    raw = wav(tone(1.0))
    with pytest.raises(EngineFailed, match="cancelled"):
        decode(io.BytesIO(raw), len(raw), LIMITS, cancelled)

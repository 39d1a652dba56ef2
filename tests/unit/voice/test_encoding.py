import io
import struct

import av
import numpy as np
import pytest
from av.container import InputContainer
from numpy.typing import NDArray

from services.voice.synthesis.encoding import (
    MEDIA_TYPES,
    AudioFormat,
    encode_whole,
    encoder_for,
    sample_rate_hz,
)
from tests.support.speech import RATE_HZ, rms_db, silence, voice

CONTAINED = [chosen for chosen in AudioFormat if chosen is not AudioFormat.PCM]
PIECES = (1.37, 0.4, 2.0)


def decoded(audio: bytes) -> tuple[NDArray[np.float32], int]:
    """Mono float32 and its rate."""
    with opened(audio) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([_mono(frame) for frame in frames]), frames[0].sample_rate


def opened(audio: bytes) -> InputContainer:
    return av.open(io.BytesIO(audio), mode="r")


def _mono(frame: av.AudioFrame) -> NDArray[np.float32]:
    raw = frame.to_ndarray().reshape(-1)
    return np.asarray(raw / (32768 if raw.dtype == np.int16 else 1), dtype=np.float32)


def header_seconds(audio: bytes) -> float | None:
    with opened(audio) as container:
        return container.duration / av.time_base if container.duration else None


def streamed(chosen: AudioFormat, pieces: list[NDArray[np.float32]]) -> list[bytes]:
    encoder = encoder_for(chosen)
    return [*(encoder.encode(piece) for piece in pieces), encoder.finish()]


def _frames_of(chosen: AudioFormat) -> float:
    """Seconds that a format may add: ADTS has no place to say how much of its frames is padding."""
    return 0.15 if chosen is AudioFormat.AAC else 0.03


@pytest.mark.parametrize("chosen", CONTAINED)
def test_whole_file_has_its_samples_its_rate_and_its_true_length(chosen: AudioFormat) -> None:
    samples = voice(3.0)
    audio = encode_whole(samples, chosen)
    back, rate_hz = decoded(audio)
    assert rate_hz == sample_rate_hz(chosen)
    assert back.size / rate_hz == pytest.approx(3.0, abs=_frames_of(chosen))
    assert header_seconds(audio) == pytest.approx(3.0, abs=_frames_of(chosen))
    assert rms_db(back) == pytest.approx(rms_db(samples), abs=1.0)


@pytest.mark.parametrize("chosen", CONTAINED)
def test_stream_of_pieces_decodes_to_all_of_them(chosen: AudioFormat) -> None:
    pieces = [voice(seconds) for seconds in PIECES]
    back, rate_hz = decoded(b"".join(streamed(chosen, pieces)))
    assert back.size / rate_hz == pytest.approx(sum(PIECES), abs=0.1)  # MP3 pads to whole frames
    assert rms_db(back) == pytest.approx(rms_db(np.concatenate(pieces)), abs=1.0)


@pytest.mark.parametrize("chosen", CONTAINED)
def test_a_sentence_can_be_heard_before_the_next_is_encoded(chosen: AudioFormat) -> None:
    first = encoder_for(chosen).encode(voice(3.0))
    back, rate_hz = decoded(first)
    assert back.size / rate_hz > 2.7


def test_pcm_is_the_samples_and_nothing_else() -> None:
    samples = np.array([0.0, 1.0, -1.0, 0.5], dtype=np.float32)
    assert encode_whole(samples, AudioFormat.PCM) == struct.pack("<4h", 0, 32767, -32767, 16384)
    assert b"".join(streamed(AudioFormat.PCM, [samples[:2], samples[2:]])) == encode_whole(
        samples, AudioFormat.PCM
    )


def test_samples_beyond_full_scale_are_limited_and_do_not_wrap_around() -> None:
    loud = np.array([1.5, -1.5], dtype=np.float32)
    assert encode_whole(loud, AudioFormat.PCM) == struct.pack("<2h", 32767, -32767)


def test_whole_wav_names_its_length_and_a_streamed_one_says_that_it_is_unknown() -> None:
    samples = silence(0.5)
    whole = encode_whole(samples, AudioFormat.WAV)
    assert struct.unpack_from("<4sI", whole) == (b"RIFF", len(whole) - 8)
    assert struct.unpack_from("<4sI", whole, 36) == (b"data", samples.size * 2)
    assert struct.unpack_from("<HHIIHH", whole, 20) == (1, 1, RATE_HZ, RATE_HZ * 2, 2, 16)
    stream = b"".join(streamed(AudioFormat.WAV, [samples]))
    assert struct.unpack_from("<4sI", stream) == (b"RIFF", 0xFFFFFFFF)
    assert struct.unpack_from("<4sI", stream, 36) == (b"data", 0xFFFFFFFF)
    assert stream[44:] == whole[44:]


@pytest.mark.parametrize("chosen", AudioFormat)
def test_a_very_short_sound_is_a_file_all_the_same(chosen: AudioFormat) -> None:
    assert encode_whole(voice(0.01), chosen)


def test_every_format_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) == set(AudioFormat)
    assert "L16" not in MEDIA_TYPES[AudioFormat.PCM], "L16 is big-endian"

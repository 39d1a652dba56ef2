"""Files that lie, break off or reach out are refused, and the next caller notices nothing."""

import struct
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest

from scripts.local_stack.plan import VOICE
from tests.support.audio_files import encoded, silent_flac, tone, wav, wav_header
from tests.support.file_server import FileServer
from tests.support.local_stack import LocalStack
from tests.support.memory import PeakMemory
from tests.support.recordings import beckett
from tests.support.voice_caller import VoiceCaller

HOURS_TEN = 10 * 3600
MEMORY_MAX_BYTES = 200 * 1024 * 1024


@pytest.fixture(scope="module")
def bait() -> Iterator[FileServer]:
    """What a playlist names. Nobody may come for it."""
    with FileServer({"/secret.wav": wav(tone(1.0))}).running() as server:
        yield server


def _playlist(address: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}secret.wav\n#EXT-X-ENDLIST\n".encode()


HOSTILE: dict[str, tuple[Callable[[str], bytes], str]] = {
    "empty": (lambda _: b"", "/problems/damaged-audio"),
    "random": (lambda _: np.random.default_rng(1).bytes(50_000), "/problems/unsupported-audio"),
    "text": (lambda _: b"Dear editor, this is a letter.\n" * 200, "/problems/unsupported-audio"),
    "truncated WAV": (lambda _: wav(tone(2.0))[:20_000], "/problems/damaged-audio"),
    "truncated FLAC": (lambda _: _half(encoded(tone(8.0), "flac", "flac")), "/problems/damaged-audio"),
    "lying WAV": (lambda _: wav(tone(1.0), data_bytes=2**31), "/problems/damaged-audio"),
    "65,535 channels": (
        lambda _: wav_header(65_535, 16_000, 4000) + bytes(4000),
        "/problems/unsupported-audio",
    ),
    "playlist": (_playlist, "/problems/unsupported-audio"),
    "list of parts": (
        lambda bait: f"ffconcat version 1.0\nfile {bait}secret.wav\n".encode(),
        "/problems/unsupported-audio",
    ),
}


@pytest.mark.parametrize(("make", "problem"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_the_clients_fault_and_nothing_is_fetched(
    ann: VoiceCaller, bait: FileServer, make: Callable[[str], bytes], problem: str
) -> None:
    refused = ann.hear(make(bait.address))
    assert 400 <= refused.status_code < 500
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == problem
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    assert bait.asked == []
    assert _hears_well(ann)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """As PCM at 16 kHz it would be 1.1 GB."""
    raw = silent_flac(HOURS_TEN, rate_hz=8_000)
    assert len(raw) < 2_000_000
    return raw


@pytest.mark.parametrize("truthful", [True, False], ids=["by its header", "while it is decoded"])
def test_ten_hours_in_a_small_file_are_refused_in_little_memory(
    stack: LocalStack, ann: VoiceCaller, bomb: bytes, truthful: bool
) -> None:
    """The limit is four hours, whether the header tells of ten or of none."""
    assert _hears_well(ann), "so that what a first request allocates is there already"
    with PeakMemory(_voice_process(stack)) as peak:
        refused = ann.hear(bomb if truthful else _without_length(bomb))
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/audio-too-long")
    assert peak.growth_bytes < MEMORY_MAX_BYTES
    assert _hears_well(ann)


def _half(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _without_length(flac: bytes) -> bytes:
    """The number of samples in the header becomes "unknown". Source: RFC 9639, 8.2."""
    raw = bytearray(flac)
    position = raw.index(b"fLaC") + 8 + 10
    packed = struct.unpack(">Q", raw[position : position + 8])[0]
    raw[position : position + 8] = struct.pack(">Q", packed & ~((1 << 36) - 1))
    return bytes(raw)


def _hears_well(ann: VoiceCaller) -> bool:
    heard = ann.hear(wav(beckett().samples()[np.newaxis, : 16_000 * 3])).raise_for_status().json()
    return "Ever tried" in heard["text"]


def _voice_process(stack: LocalStack) -> psutil.Process:
    found = next(one for one in stack.read_state().processes if one.name == VOICE)
    assert found.id is not None
    return psutil.Process(found.id.pid)

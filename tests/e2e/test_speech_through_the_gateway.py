"""What is said comes back as words, through the gateway; what is not said stays unsaid."""

import io
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.voice.media.decoding import DecodeLimits, decode
from services.voice.transcription.engine import SAMPLE_RATE_HZ
from tests.support.audio_files import wav
from tests.support.recordings import Recording, beckett, two_cities
from tests.support.voice_caller import VoiceCaller
from tests.support.word_errors import english_word_error_rate

TOLERABLE = 0.10
SENTENCES = (
    "Call me at 555 0142 after lunch.",
    "Flight 207 to Denver leaves from gate 19.",
    "Could you tell me the way to the nearest pharmacy?",
    "We planted 120 trees along the river last spring.",
    "Did Marcus feed the cat?",
    "Sales rose by 12% in the third quarter.",
    "Professor Lindqvist will speak at half past nine.",
    "Every morning the fishermen sail out long before the sun comes up.",
    "Anna and Daniel moved to Lisbon eleven years ago.",
    "There were 1,284 visitors at the gallery during the weekend.",
)
KOREAN = "대한민국은 민주공화국이다. 대한민국의 주권은 국민에게 있고 모든 권력은 국민으로부터 나온다."
Samples = NDArray[np.float32]


@pytest.mark.models("kokoro-int8-ja", "whisper-base")
def test_what_kokoro_says_is_heard_word_for_word(ann: VoiceCaller) -> None:
    heard = []
    for sentence in SENTENCES:
        spoken = ann.speak(sentence, engine="kokoro").raise_for_status()
        assert spoken.headers["x-engine"] == "kokoro"
        heard.append(ann.hear(spoken.content).raise_for_status().json()["text"])
    assert english_word_error_rate(SENTENCES, heard) <= TOLERABLE, heard


@pytest.mark.models("whisper-base")
@pytest.mark.parametrize("recording", [beckett, two_cities], ids=["beckett", "two cities"])
def test_what_people_say_is_heard_word_for_word(ann: VoiceCaller, recording: Callable[[], Recording]) -> None:
    said = recording()
    heard = ann.hear(said.path.read_bytes()).raise_for_status().json()
    assert english_word_error_rate([said.text], [heard["text"]]) <= TOLERABLE
    assert heard["engine"] == "whisper"
    assert heard["language"] == "en"


@pytest.mark.models("vosk-ko", "whisper-base")
def test_below_the_threshold_vosk_hears_where_it_has_the_language(ann: VoiceCaller) -> None:
    """Cut to the sample: 4.99 s is shorter than five seconds, 5.00 s is not."""
    korean = _korean(ann)
    shorter = _hear(ann, korean[: _at(4.99)], language="ko")
    longer = _hear(ann, korean[: _at(5.0)], language="ko")
    assert (shorter["engine"], shorter["routing"]["rule"]) == ("vosk", "below_threshold")
    assert (longer["engine"], longer["routing"]["rule"]) == ("whisper", "at_or_above_threshold")
    assert (shorter["model"], longer["model"]) == ("vosk-ko", "whisper-base")
    assert not shorter["degraded"]
    assert not longer["degraded"]


@pytest.mark.models("vosk-ko")
def test_vosk_tells_when_each_word_was_said_and_how_sure_it_is(ann: VoiceCaller) -> None:
    heard = _hear(ann, _korean(ann)[: _at(4.99)], language="ko", engine="vosk", word_timestamps="true")
    words = heard["words"]
    times = [time for word in words for time in (word["start_seconds"], word["end_seconds"])]
    assert " ".join(word["text"] for word in words) == heard["text"]
    assert len(words) >= 5
    assert times == sorted(times)
    assert times[0] >= 0.0
    assert times[-1] <= 4.99
    assert all(0.0 < word["confidence"] <= 1.0 for word in words)
    assert heard["confidence"] == pytest.approx(np.mean([word["confidence"] for word in words]), abs=0.01)


@pytest.mark.models("whisper-base")
def test_without_a_model_for_the_language_whisper_hears_and_the_reply_says_why(ann: VoiceCaller) -> None:
    """Croatian: nobody has a Vosk model for it. The words do not matter here, the routing does."""
    heard = _hear(ann, two_cities().samples()[: _at(4.99)], language="hr")
    assert heard["engine"] == "whisper"
    assert heard["routing"]["rule"] == "below_threshold"
    assert heard["routing"]["escalated_from"] == "vosk"
    assert "no Vosk model for hr" in heard["routing"]["reason"]
    assert heard["attempts"] == [
        {"engine": "vosk", "outcome": "no_model"},
        {"engine": "whisper", "outcome": "ok"},
    ]


def _at(seconds: float) -> int:
    """The sample index of a time."""
    return round(seconds * SAMPLE_RATE_HZ)


def _silence(seconds: float) -> Samples:
    return np.zeros(_at(seconds), dtype=np.float32)


def _noise(seconds: float) -> Samples:
    return np.random.default_rng(7).normal(0.0, 0.1, _at(seconds)).astype(np.float32)


def _hum(seconds: float) -> Samples:
    """Mains, with its harmonics."""
    at = np.arange(_at(seconds)) / SAMPLE_RATE_HZ
    harmonics = [0.2 / n * np.sin(2 * np.pi * 50 * n * at) for n in (1, 2, 3, 5)]
    return np.asarray(np.sum(harmonics, axis=0), dtype=np.float32)


UNSPOKEN = {
    "0.1 s of silence": _silence(0.1),
    "3 s of silence": _silence(3.0),
    "31 s of silence": _silence(31.0),
    "4 s of white noise": _noise(4.0),
    "12 s of white noise": _noise(12.0),
    "4 s of hum": _hum(4.0),
    "12 s of hum": _hum(12.0),
}


@pytest.mark.parametrize("unspoken", UNSPOKEN.values(), ids=UNSPOKEN.keys())
def test_where_nobody_speaks_the_text_is_empty(ann: VoiceCaller, unspoken: Samples) -> None:
    heard = _hear(ann, unspoken)
    assert heard["text"] == ""
    assert (heard["segments"], heard["words"]) == ([], [])
    assert heard["duration_seconds"] == pytest.approx(len(unspoken) / SAMPLE_RATE_HZ, abs=0.01)


def _korean(ann: VoiceCaller) -> Samples:
    """About eight seconds by eSpeak, which has a Korean voice. Mono float32 at 16 kHz."""
    spoken = ann.speak(KOREAN, engine="espeak", language="ko").raise_for_status().content
    return decode(io.BytesIO(spoken), len(spoken), DecodeLimits(60.0, 1), threading.Event())


def _hear(ann: VoiceCaller, samples: Samples, **fields: str) -> dict[str, Any]:
    reply = ann.hear(wav(samples[np.newaxis]), **fields).raise_for_status()
    heard: dict[str, Any] = reply.json()
    return heard

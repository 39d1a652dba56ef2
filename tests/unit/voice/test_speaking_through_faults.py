"""An engine that fails in mid-text never costs a sentence, and the headers say what happened."""

import io
import threading
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray

from services.voice.engines import Availability
from services.voice.media.decoding import SAMPLE_RATE_HZ, DecodeLimits, decode
from services.voice.synthesis.encoding import AudioFormat, wav_header
from services.voice.synthesis.engine import Speech, SpeechRequest
from services.voice.synthesis.simulated import SimulatedEngine
from tests.support import speakers
from tests.support.eventually import eventually
from tests.support.serving import serving
from tests.support.speakers import Speaker
from tests.support.speech import pitch_hz
from tests.support.tokens import bearer
from tests.support.voice_app import speaking_app
from tests.support.voice_caller import SYNTHESIZE

SENTENCES = (
    "The first train leaves at dawn.",
    "A second one follows at noon.",
    "The third is late today.",
    "Nobody takes the fourth.",
    "The fifth is the last of them.",
)
TEXT = " ".join(SENTENCES)
PITCHES_HZ = {sentence: 100.0 + 40.0 * index for index, sentence in enumerate(SENTENCES)}
FAULTS: dict[str, tuple[Callable[[Speech], Speech], str]] = {
    "raises": (speakers.raises, "error"),
    "dies": (speakers.dies, "died"),
    "hangs": (speakers.hangs, "timeout"),
    "falls silent": (speakers.falls_silent, "silence"),
    "says half": (speakers.says_half, "too_short"),
    "says nothing": (speakers.says_nothing, "empty"),
    "gives NaN": (speakers.gives_nan, "not_finite"),
}
HANG_SECONDS = 1.5
"""Until a speaker that hangs is given up."""


def speaker(name: str, **options: object) -> Speaker:
    return Speaker(name, speakers.buzzes(PITCHES_HZ), **options)  # type: ignore[arg-type]  # named fields


async def speak(app: FastAPI, **fields: object) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        return await client.post(SYNTHESIZE, headers=bearer(), json={"text": TEXT, **fields})


@pytest.mark.parametrize(
    ("at", "stream"),
    [(1, False), (3, False), (3, True)],
    ids=["at the first sentence", "at the third", "at the third of a stream"],
)
@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS.keys())
async def test_who_fails_hands_over_at_the_first_unsaid_sentence(
    fault: Callable[[Speech], Speech], reason: str, at: int, stream: bool
) -> None:
    first, second = speaker("first", faults={at: fault}), speaker("second")
    reply = await speak(speaking_app(first, second, sentence_seconds=HANG_SECONDS), stream=stream)
    assert reply.status_code == 200
    assert sentences_in(reply.content) == [*SENTENCES]
    assert first.asked == [*SENTENCES[:at]]
    assert second.asked == [*SENTENCES[at - 1 :]]
    told = headers_of(reply)
    if at == 1:
        assert told == ("second", "true", f"first={reason},second=ok")
    elif stream:
        assert told == ("first", "false", "first=ok"), "the headers left with the first sentence"
    else:
        assert told == ("first,second", "true", f"first={reason},second=ok")


async def test_a_text_that_nobody_finishes_is_refused_as_a_whole() -> None:
    reply = await speak(speaking_app(speaker("first", faults={3: speakers.raises})))
    assert reply.status_code == 503
    assert reply.json()["type"] == "/problems/no-engine"
    assert reply.json()["attempts"] == [{"engine": "first", "outcome": "error"}]


async def test_a_stream_that_nobody_finishes_breaks_rather_than_end_as_if_it_were_whole() -> None:
    app = speaking_app(speaker("first", faults={3: speakers.raises}))
    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=60) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(SYNTHESIZE, headers=bearer(), json={"text": TEXT, "stream": True})


async def test_a_missing_engine_is_named_but_is_no_degradation() -> None:
    missing = speaker("first", available=Availability(False, "not_installed", "It is not here."))
    reply = await speak(speaking_app(missing, speaker("second")))
    assert headers_of(reply) == ("second", "false", "first=not_installed,second=ok")
    assert missing.asked == []


async def test_with_nothing_real_left_it_is_a_tone_that_says_so() -> None:
    reply = await speak(speaking_app(speaker("first", faults={1: speakers.dies}), SimulatedEngine()))
    assert reply.status_code == 200
    assert headers_of(reply) == ("simulated", "true", "first=died,simulated=ok")


async def test_with_nothing_real_left_and_no_tone_allowed_it_is_503() -> None:
    app = speaking_app(speaker("first", faults={1: speakers.dies}), SimulatedEngine())
    reply = await speak(app, allow_simulated=False)
    assert reply.status_code == 503
    assert reply.json()["type"] == "/problems/no-engine"
    assert reply.json()["attempts"] == [{"engine": "first", "outcome": "died"}]


async def test_the_first_bytes_leave_before_the_last_sentence_is_spoken() -> None:
    """The last sentence waits until the client has heard something: for ever, were the text spoken whole."""
    heard_something = threading.Event()

    def wait(speech: Speech) -> Speech:
        assert heard_something.wait(speakers.WAIT_SECONDS), "nothing was sent before the last sentence"
        return speech

    app = speaking_app(speaker("first", faults={len(SENTENCES): wait}))
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=address, timeout=60) as client,
        client.stream(
            "POST", SYNTHESIZE, headers=bearer(), json={"text": TEXT, "stream": True, "format": "pcm"}
        ) as reply,
    ):
        audio = bytearray()
        async for chunk in reply.aiter_bytes():
            audio += chunk
            heard_something.set()
    assert sentences_in(wav_header(len(audio)) + audio) == [*SENTENCES]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "as a stream"])
@pytest.mark.parametrize("chosen", AudioFormat)
async def test_every_format_can_be_decoded_and_holds_every_sentence(
    chosen: AudioFormat, stream: bool
) -> None:
    reply = await speak(speaking_app(speaker("first")), format=chosen.value, stream=stream)
    assert reply.status_code == 200
    raw = reply.content
    audio = wav_header(len(raw)) + raw if chosen is AudioFormat.PCM else raw
    assert sentences_in(audio) == [*SENTENCES]


async def test_a_client_that_goes_away_stops_the_speaking() -> None:
    told, asked = threading.Event(), threading.Event()

    def say(request: SpeechRequest, cancelled: threading.Event) -> Speech:
        asked.set()
        assert cancelled.wait(speakers.WAIT_SECONDS), "nobody said that the client is gone"
        told.set()
        return speakers.buzzes(PITCHES_HZ)(request, cancelled)

    async with serving(speaking_app(Speaker("first", say))) as address:
        async with httpx.AsyncClient(base_url=address, timeout=0.5) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(SYNTHESIZE, headers=bearer(), json={"text": TEXT})
        assert asked.is_set()
        await eventually(told.is_set, speakers.WAIT_SECONDS)


def headers_of(reply: httpx.Response) -> tuple[str, str, str]:
    return reply.headers["x-engine"], reply.headers["x-degraded"], reply.headers["x-attempts"]


def sentences_in(audio: bytes) -> list[str]:
    """Which sentences are heard, in order: by their pitch, between the pauses."""
    samples = decode(io.BytesIO(audio), len(audio), DecodeLimits(60.0, 1), threading.Event())
    return [_nearest(pitch_hz(samples[start:end], SAMPLE_RATE_HZ)) for start, end in _stretches(samples)]


def _nearest(pitch: float) -> str:
    return min(SENTENCES, key=lambda sentence: abs(PITCHES_HZ[sentence] - pitch))


def _stretches(samples: NDArray[np.float32], pause_seconds: float = 0.12) -> list[tuple[int, int]]:
    """From where to where there is sound, in samples; a pause is quiet for `pause_seconds`."""
    at = np.flatnonzero(np.abs(samples) > 0.01)
    breaks = np.flatnonzero(np.diff(at) > pause_seconds * SAMPLE_RATE_HZ)
    starts, ends = at[np.r_[0, breaks + 1]], at[np.r_[breaks, len(at) - 1]]
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]

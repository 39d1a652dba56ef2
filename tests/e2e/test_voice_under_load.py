"""More callers than places, and callers who leave: what the service promises to those who stay."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

import httpx
import numpy as np
import pytest

from scripts.local_stack.plan import VOICE
from tests.support.audio_files import wav
from tests.support.by_hand import left_in_mid_request
from tests.support.caddy import wait_until
from tests.support.local_stack import LocalStack
from tests.support.recordings import two_cities
from tests.support.voice_caller import VoiceCaller

pytestmark = pytest.mark.models("whisper-base")
UPLOADS = 32
WAIT_SECONDS = 120.0
"""Only ever reached when a test fails."""


def test_of_32_uploads_at_once_the_admitted_finish_and_the_rest_are_told_when_to_return(
    stack: LocalStack, ann: VoiceCaller
) -> None:
    clip = _speech(seconds=8)
    with _watched_health(stack) as answers, ThreadPoolExecutor(UPLOADS) as callers:
        replies = list(callers.map(lambda _: ann.hear(clip), range(UPLOADS)))
    served = [reply for reply in replies if reply.status_code == 200]
    refused = [reply for reply in replies if reply.status_code == 503]
    assert len(served) + len(refused) == UPLOADS
    assert served
    assert refused
    assert all("best of times" in reply.json()["text"] for reply in served)
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert {reply.json()["type"] for reply in refused} == {"/problems/overloaded"}
    assert answers
    assert set(answers) == {200}
    assert ann.hear(clip).status_code == 200


def test_a_client_that_goes_away_frees_its_engine(stack: LocalStack, ann: VoiceCaller) -> None:
    """Ten minutes of speech: had the engine gone on, the next caller would wait for most of a minute."""
    left, stayed = (f"{what}-{time.monotonic_ns()}" for what in ("left", "stayed"))
    left_in_mid_request(
        stack,
        _speech(seconds=600),
        until=lambda: ann.engine("whisper")["running"] == 1,
        request_id=left,
    )
    wait_until(lambda: ann.engine("whisper")["running"] == 0, WAIT_SECONDS)
    assert ann.hear(_speech(seconds=6), {"X-Request-ID": stayed}).status_code == 200
    assert _finished(stack, stayed)
    assert not _finished(stack, left), "nobody was there to hear it"
    assert ann.engine("whisper")["breaker_state"] == "closed"


def _speech(seconds: float) -> bytes:
    samples = two_cities().samples()
    wanted = int(seconds * 16_000)
    return wav(np.tile(samples, wanted // len(samples) + 1)[np.newaxis, :wanted])


@contextmanager
def _watched_health(stack: LocalStack) -> Iterator[list[int]]:
    """The status of every answer of /health/live while the block runs; 0 for none within its time."""
    answers: list[int] = []
    ended = Event()

    def watch() -> None:
        with httpx.Client(base_url=stack.inner_url(VOICE), timeout=WAIT_SECONDS) as client:
            while not ended.wait(0.05):
                answers.append(client.get("/health/live").status_code)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield answers
    finally:
        ended.set()
        watcher.join()


def _finished(stack: LocalStack, request_id: str) -> bool:
    """Whether the service's log tells of a transcription that was carried to its end."""
    events = [json.loads(line) for line in stack.log(VOICE).splitlines() if request_id in line]
    return any(event["event"] == "transcription_done" for event in events)

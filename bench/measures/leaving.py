"""A client goes away in mid-transcription: how soon its engine is free."""

import time

import numpy as np

from bench.measures.timing import median_and_worst
from bench.report import Row
from tests.support.audio_files import wav
from tests.support.by_hand import left_in_mid_request
from tests.support.local_stack import LocalStack
from tests.support.recordings import two_cities
from tests.support.voice_caller import VoiceCaller

ROUNDS = 5
GOAL_SECONDS = 1.0


def client_gone(stack: LocalStack) -> list[Row]:
    clip = wav(np.tile(two_cities().samples(), 3)[np.newaxis])
    with stack.client() as client:
        seconds = [_until_free(stack, VoiceCaller(client), clip) for _ in range(ROUNDS)]
    met = max(seconds) <= GOAL_SECONDS
    what = "a client leaves 133 s of speech: until its engine is free"
    return [Row(what, median_and_worst(seconds), f"≤ {GOAL_SECONDS:g} s", met)]


def _until_free(stack: LocalStack, caller: VoiceCaller, clip: bytes) -> float:
    left_in_mid_request(stack, clip, until=lambda: _running(caller) == 1)
    started = time.perf_counter()
    while _running(caller):
        time.sleep(0.01)
    return time.perf_counter() - started


def _running(caller: VoiceCaller) -> int:
    running = caller.engine("whisper")["running"]
    assert isinstance(running, int)
    return running

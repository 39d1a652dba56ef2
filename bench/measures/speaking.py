"""How much of the whole one waits for the first sound."""

import statistics
import time

from bench.report import Row
from tests.support.local_stack import LocalStack
from tests.support.voice_caller import SYNTHESIZE

ROUNDS = 3
GOAL = 0.35
TEXT = (
    "The kettle is on. There is bread on the table. The train leaves at nine. Please bring two chairs. "
    "The old clock has stopped again. Snow fell all through the night. Nobody knew where the key was. "
    "The red boat drifted out to sea. Fresh coffee makes a good breakfast. See you on Friday."
)
"""Ten sentences."""


def first_audio(stack: LocalStack) -> list[Row]:
    pairs = [_streamed(stack) for _ in range(ROUNDS)]
    share = statistics.median(first / whole for first, whole in pairs)
    first, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    measured = f"{share:.0%} ({first:.2f} s of {whole:.2f} s; medians of {ROUNDS})"
    return [
        Row("ten sentences as a stream: first audio, share of the whole", measured, "≤ 35%", share <= GOAL)
    ]


def _streamed(stack: LocalStack) -> tuple[float, float]:
    """Seconds to the first byte of sound, and to the last."""
    body = {"text": TEXT, "stream": True, "format": "pcm"}
    started = time.perf_counter()
    first = None
    with stack.client() as client, client.stream("POST", SYNTHESIZE, json=body) as reply:
        reply.raise_for_status()
        for _ in reply.iter_bytes():
            first = first or time.perf_counter() - started
    assert first is not None
    return first, time.perf_counter() - started

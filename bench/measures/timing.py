"""Stopwatch and alternation."""

import statistics
import time
from collections.abc import Callable, Sequence


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def alternated(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of each, after a round that is not counted."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        pair = (seconds_of(first), seconds_of(second))
        if number:
            for kept, taken in zip(seconds, pair, strict=True):
                kept.append(taken)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def median_and_worst(seconds: Sequence[float]) -> str:
    """In milliseconds."""
    return f"{statistics.median(seconds) * 1000:.0f} ms (worst {max(seconds) * 1000:.0f} ms)"

"""More callers than places: how soon the refused know, and whether the service goes on answering."""

import asyncio
import time
from urllib.parse import urlsplit

import httpx
import numpy as np

from bench.measures.timing import median_and_worst
from bench.report import Row
from scripts.local_stack.plan import VOICE
from tests.support.audio_files import wav
from tests.support.by_hand import upload_request
from tests.support.local_stack import LocalStack
from tests.support.recordings import two_cities

UPLOADS, ROUNDS = 32, 3
REFUSAL_GOAL_SECONDS, HEALTH_GOAL_SECONDS = 0.05, 0.1
_HEALTH_EVERY_SECONDS = 0.02


def overload(stack: LocalStack) -> list[Row]:
    refused: list[float] = []
    health: list[float] = []
    served = 0
    for _ in range(ROUNDS):
        replies, answers = asyncio.run(_crowd(stack))
        refused += [seconds for status, seconds in replies if status == 503]
        served += sum(status == 200 for status, _ in replies)
        health += answers
    return [
        Row(f"{UPLOADS} uploads at once, {ROUNDS} times", f"{served} served, {len(refused)} refused"),
        _row("a refusal takes", refused, REFUSAL_GOAL_SECONDS),
        _row("`/health/live` meanwhile takes", health, HEALTH_GOAL_SECONDS),
    ]


async def _crowd(stack: LocalStack) -> tuple[list[tuple[int, float]], list[float]]:
    """Status and seconds of each upload; seconds of each look at the health."""
    request = upload_request(stack, wav(two_cities().samples()[np.newaxis, : 5 * 16_000]))
    health: list[float] = []
    watch = asyncio.create_task(_watch(stack, health))
    replies = await asyncio.gather(*(_upload(stack, request) for _ in range(UPLOADS)))
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    return list(replies), health


async def _upload(stack: LocalStack, request: bytes) -> tuple[int, float]:
    """Until the status line. By hand: a client library's own work would be most of a refusal's time."""
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stack.base_url).port)
    writer.write(request)
    status = int((await reader.readline()).split()[1])
    seconds = time.perf_counter() - started
    writer.close()
    return status, seconds


async def _watch(stack: LocalStack, health: list[float]) -> None:
    async with httpx.AsyncClient(base_url=stack.inner_url(VOICE), timeout=60) as client:
        while True:
            started = time.perf_counter()
            await client.get("/health/live")
            health.append(time.perf_counter() - started)
            await asyncio.sleep(_HEALTH_EVERY_SECONDS)


def _row(what: str, seconds: list[float], goal_seconds: float) -> Row:
    median = sorted(seconds)[len(seconds) // 2]
    return Row(what, median_and_worst(seconds), f"≤ {goal_seconds * 1000:g} ms", median <= goal_seconds)

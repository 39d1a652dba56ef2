"""More callers than places: how soon the refused know, and whether the service goes on answering."""

import asyncio
import time

import httpx
import numpy as np

from bench.measures.timing import median_and_worst
from bench.report import Row
from scripts.local_stack.plan import VOICE
from tests.support.audio_files import wav
from tests.support.local_stack import LocalStack
from tests.support.recordings import two_cities
from tests.support.voice_caller import TRANSCRIBE

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
    clip = wav(two_cities().samples()[np.newaxis, : 5 * 16_000])
    headers = {"Authorization": f"Bearer {stack.token()}"}
    limits = httpx.Limits(max_connections=UPLOADS)
    health: list[float] = []
    async with httpx.AsyncClient(
        base_url=stack.base_url, headers=headers, timeout=300, limits=limits
    ) as client:
        await _connect(client)
        watch = asyncio.create_task(_watch(stack, health))
        replies = await asyncio.gather(*(_upload(client, clip) for _ in range(UPLOADS)))
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    return list(replies), health


async def _connect(client: httpx.AsyncClient) -> None:
    """All connections stand before the crowd comes: it is the service that is measured."""
    await asyncio.gather(*(client.get("/health") for _ in range(UPLOADS)))


async def _upload(client: httpx.AsyncClient, clip: bytes) -> tuple[int, float]:
    started = time.perf_counter()
    reply = await client.post(TRANSCRIBE, files={"audio": clip})
    return reply.status_code, time.perf_counter() - started


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

"""How soon a frozen Redis is an answer, and how soon its return is noticed: over REST and over a socket."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from bench.measures.chat_of_its_own import ChatOfItsOwn, chat_of_its_own
from bench.report import Row
from tests.support.chat_socket import ChatSocket, chat_socket
from tests.support.tokens import bearer

ROUNDS = 5
GOAL_SECONDS = 2.0
_FROZEN_SECONDS = 1.0
_CHAT = "/api/v1/chat"
Ask = Callable[[], Awaitable[int]]


def answered() -> list[Row]:
    with chat_of_its_own() as running:
        return asyncio.run(_rows(running))


async def _rows(running: ChatOfItsOwn) -> list[Row]:
    url = running.chat.url
    async with (
        httpx.AsyncClient(base_url=url, headers=bearer("ann"), timeout=60) as http,
        chat_socket(url, session_id="bench") as socket,
    ):
        await socket.receive()
        ways: dict[str, Ask] = {"REST": lambda: _by_rest(http), "WebSocket": lambda: _by_socket(socket)}
        found = {way: [await _round(running, ask) for _ in range(ROUNDS)] for way, ask in ways.items()}
    return [
        row
        for way, rounds in found.items()
        for row in (
            _row(f"Redis frozen: its 503, {way}", [frozen for frozen, _ in rounds]),
            _row(f"Redis back: the first reply, {way}", [back for _, back in rounds]),
        )
    ]


async def _round(running: ChatOfItsOwn, ask: Ask) -> tuple[float, float]:
    """Seconds to the refusal, and from the thaw to a whole reply; asked again and again meanwhile."""
    assert await ask() == 200
    running.redis.freeze()
    started = time.perf_counter()
    assert await ask() == 503
    refused = time.perf_counter() - started
    until = time.perf_counter() + _FROZEN_SECONDS
    while time.perf_counter() < until:
        assert await ask() == 503
        await asyncio.sleep(0.05)
    running.redis.thaw()
    started = time.perf_counter()
    while await ask() != 200:  # noqa: ASYNC110 - another process: there is no event to wait for
        await asyncio.sleep(0.02)
    return refused, time.perf_counter() - started


async def _by_rest(http: httpx.AsyncClient) -> int:
    reply = await http.post(_CHAT, json={"message": "say 2 words", "session_id": "bench"})
    return reply.status_code


async def _by_socket(socket: ChatSocket) -> int:
    ending = (await socket.say("say 2 words"))[-1]
    return 200 if ending["type"] == "done" else int(ending["problem"]["status"])


def _row(what: str, seconds: list[float]) -> Row:
    measured = f"{max(seconds):.2f} s at the most of {len(seconds)} times"
    return Row(what, measured, f"≤ {GOAL_SECONDS:g} s", max(seconds) <= GOAL_SECONDS)

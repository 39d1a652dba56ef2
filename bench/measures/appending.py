"""What atomic, idempotent and bounded costs, over the barest script that appends to a stream."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.report import Row
from services.chat.problems import StoreUnavailable
from services.chat.store.records import Delta, Lease, NewTurn, StoreLimits
from services.chat.store.redis_store import RedisStore
from tests.support.chat_app import chat_settings
from tests.support.valkey import ValkeyProcess

ROUNDS = 500
_BARE = "return redis.call('XADD', KEYS[1], '*', 'content', ARGV[1])"
_LIMITS = StoreLimits(messages_per_minute=60_000, generations_max=100_000, sessions_max=100_000)
Call = Callable[[int], Awaitable[object]]


def against_a_bare_script() -> list[Row]:
    """On a Redis of its own, with the stack's settings: every write on the disk before it is acknowledged."""
    with tempfile.TemporaryDirectory() as folder:
        valkey = ValkeyProcess(Path(folder))
        valkey.start()
        try:
            return asyncio.run(_rows(valkey.url))
        finally:
            valkey.stop()


async def _rows(url: str) -> list[Row]:
    connection = chat_settings(redis_url=url).connect_redis(StoreUnavailable)
    store = RedisStore(connection, _LIMITS)
    bare = connection.client.register_script(_BARE)
    lease = Lease("r", "w")
    await store.begin(_turn(-1), lease)
    calls: dict[str, Call] = {
        "bare": lambda number: bare(keys=["bench"], args=[f"message {number}"]),
        "message": lambda number: store.begin(_turn(number), Lease(f"r{number}", "w")),
        "delta": lambda number: store.append(lease, [Delta(number + 1, "word ")]),
    }
    medians = await _alternated(calls)
    await store.aclose()
    return [
        _row("a message kept (begin)", medians["message"], medians["bare"]),
        _row("a piece of a reply kept (append)", medians["delta"], medians["bare"]),
    ]


async def _alternated(calls: dict[str, Call]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS):
        for name, call in calls.items():
            started = time.perf_counter()
            await call(number)
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[20:]) for name, taken in seconds.items()}


def _row(what: str, ours: float, bare: float) -> Row:
    measured = f"{1000 * ours:.2f} ms, {ours / bare:.1f} × a bare XADD in a script ({1000 * bare:.2f} ms)"
    return Row(what, measured)


def _turn(number: int) -> NewTurn:
    message = f"m{number}"
    return NewTurn("bench", f"s{number % 50}", message, f"message {number}", "bench", f"print {number}")

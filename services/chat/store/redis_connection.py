"""The way to Redis: bounded in time, guarded by a breaker, its errors translated once.

A frozen Redis must not freeze its callers: one try and one repeat of half a second each, then
StoreUnavailable; after a few of those, at once, but for one probe every half second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.chat.problems import StoreUnavailable
from services.common import telemetry
from services.common.circuit_breaker import BreakerState, CircuitBreaker, Permit

R = TypeVar("R")
_log = telemetry.get_logger()
_OUT_OF_ORDER = ("OOM", "MISCONF", "READONLY", "LOADING", "BUSY", "MASTERDOWN", "NOREPLICAS", "UNKILLABLE")
"""Error codes of a server that answers, but cannot serve. Source: Redis, server.c, createSharedObjects."""
_SCRIPTS = (
    "begin", "append", "complete", "fail", "cancel", "reply", "message", "history", "sessions", "owns",
    "rename", "delete",
)  # fmt: skip


class RedisConnection:
    """`timeout_seconds`: for each try of a command, and for connecting."""

    def __init__(
        self, url: str, *, timeout_seconds: float = 0.5, connections_max: int = 64, breaker: CircuitBreaker
    ) -> None:
        self.breaker = breaker
        self._timeout_seconds = timeout_seconds
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections_max,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
            protocol=2,
        )
        self.client: Redis = Redis(connection_pool=pool)
        self._scripts = {name: self.client.register_script(_source(name)) for name in _SCRIPTS}

    async def script(self, name: str, arguments: list[str | int]) -> list[Any]:
        """Runs a script of lua/. Each may be repeated: a lost answer does not make it store twice."""
        script = self._scripts[name]
        return cast("list[Any]", await self.call(lambda: script(args=arguments)))

    async def read_streams(self, after: dict[Any, Any], wait_seconds: float) -> list[tuple[str, list[Any]]]:
        """What came after an entry id, by stream; waits for the first of it, at most half the timeout."""
        block_ms = int(1000 * min(wait_seconds, self._timeout_seconds / 2))
        found = await self.call(lambda: self.client.xread(after, block=block_ms or None))
        return cast("list[tuple[str, list[Any]]]", found or [])

    async def call(self, command: Callable[[], Awaitable[R]]) -> R:
        """Raises StoreUnavailable within three times the timeout."""
        permit = self.breaker.try_acquire()
        if permit is None:
            raise StoreUnavailable
        try:
            async with asyncio.timeout(3 * self._timeout_seconds):
                result = await command()
        except (RedisError, TimeoutError, OSError) as exc:
            raise self._translated(exc, permit) from exc
        except BaseException:
            permit.release()
            raise
        permit.success()
        return result

    async def aclose(self) -> None:
        await self.client.aclose()
        await self.client.connection_pool.disconnect()

    def _translated(self, exc: Exception, permit: Permit) -> Exception:
        if not _unavailable(exc):
            permit.success()
            return exc
        permit.failure()
        if self.breaker.state is not BreakerState.CLOSED:
            _log.warning("redis_unavailable", error_type=type(exc).__name__)
        return StoreUnavailable()


def _unavailable(exc: Exception) -> bool:
    if isinstance(exc, ResponseError):
        return str(exc).startswith(_OUT_OF_ORDER)
    return isinstance(exc, RedisConnectionError | RedisTimeoutError | OSError)


def _source(name: str) -> str:
    folder = resources.files("services.chat.store") / "lua"
    return (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()

"""The way to Redis: bounded in time, guarded by a breaker, its errors translated once.

A frozen Redis must not freeze its callers: one try and one repeat of half a second each, then the
service's own "store unavailable"; after a few of those, at once, but for one probe every half second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ExecAbortError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.common import telemetry
from services.common.circuit_breaker import BreakerState, CircuitBreaker, Permit
from services.common.redis_lost_connections import name_lost_connections

R = TypeVar("R")
_log = telemetry.get_logger()
_OUT_OF_ORDER = frozenset(
    {"OOM", "MISCONF", "READONLY", "LOADING", "BUSY", "MASTERDOWN", "NOREPLICAS", "UNKILLABLE"}
)
"""Error codes of a server that answers, but cannot serve. Source: Redis, server.c, createSharedObjects."""
_IN_A_PIPELINE = "of pipeline caused error: "
"""Source: redis-py, Pipeline.annotate_exception."""
_AT_EXEC = "discarded because of: "


class RedisConnection:
    """`timeout_seconds`: for each try of a command, and for connecting. `unavailable` makes the error."""

    def __init__(
        self,
        url: str,
        *,
        unavailable: Callable[[], Exception],
        timeout_seconds: float = 0.5,
        connections_max: int = 64,
        breaker: CircuitBreaker,
        decode_responses: bool = True,
    ) -> None:
        self.breaker = breaker
        self.timeout_seconds = timeout_seconds
        self._unavailable = unavailable
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections_max,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 1),
            decode_responses=decode_responses,
            protocol=2,
        )
        name_lost_connections(pool)
        self.client: Redis = Redis(connection_pool=pool)

    async def call(self, command: Callable[[], Awaitable[R]]) -> R:
        """Raises the service's own error within three times the timeout. The command may be repeated."""
        permit = self.breaker.try_acquire()
        if permit is None:
            raise self._unavailable()
        try:
            async with asyncio.timeout(3 * self.timeout_seconds):
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
        if not _out_of_order(exc):
            permit.success()
            return exc
        permit.failure()
        if self.breaker.state is not BreakerState.CLOSED:
            _log.warning("redis_unavailable", error_type=type(exc).__name__)
        return self._unavailable()


def _out_of_order(exc: Exception) -> bool:
    if isinstance(exc, ResponseError):
        return _error_code(exc) in _OUT_OF_ORDER
    return isinstance(exc, RedisConnectionError | RedisTimeoutError | OSError)


def _error_code(exc: ResponseError) -> str:
    """redis-py gives the code of few errors; what a pipeline met has the command before it, what ended a
    transaction at its EXEC the server's own words (Redis, multi.c, execCommandAbort)."""
    if isinstance(exc, ExecAbortError):
        words = str(exc).partition(_AT_EXEC)[2]
    elif exc.status_code:
        return exc.status_code
    else:
        words = str(exc).rpartition(_IN_A_PIPELINE)[2]
    return words.lstrip("('\"").partition(" ")[0]

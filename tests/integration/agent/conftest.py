"""A way to a real Valkey, as the agent has it."""

from collections.abc import AsyncIterator

import pytest

from services.agent.problems import ThreadsUnavailable
from services.common.circuit_breaker import CircuitBreaker
from services.common.redis_connection import RedisConnection
from tests.support.valkey import ValkeyProcess


@pytest.fixture(name="connection")
async def connection_fixture(valkey: ValkeyProcess) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(
        valkey.url,
        unavailable=ThreadsUnavailable,
        breaker=CircuitBreaker("redis", failure_threshold=3, reset_timeout_seconds=0.2),
        decode_responses=False,
    )
    yield connection
    await connection.aclose()

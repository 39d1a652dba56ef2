"""The way to Redis, when Redis answers and yet cannot serve."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop
from redis.exceptions import ResponseError

from services.common.circuit_breaker import BreakerState, CircuitBreaker
from services.common.redis_connection import RedisConnection
from tests.support.valkey import ValkeyProcess


class Away(Exception):
    """What a service says of its store."""


@pytest.fixture(name="connection")
async def connection_fixture(valkey: ValkeyProcess) -> AsyncIterator[RedisConnection]:
    breaker = CircuitBreaker("redis", failure_threshold=3, reset_timeout_seconds=0.2)
    connection = RedisConnection(valkey.url, unavailable=Away, breaker=breaker)
    yield connection
    await connection.aclose()


async def test_without_room_for_a_write_it_is_away_for_writers_and_goes_on_by_itself(
    connection: RedisConnection,
) -> None:
    client = connection.client
    await connection.call(lambda: client.xadd("said", {"what": "before"}))
    await client.config_set("maxmemory", "1")
    script = client.register_script("return redis.call('XADD', 'said', '*', 'what', 'during')")
    for write in (lambda: client.xadd("said", {"what": "during"}), script):
        with pytest.raises(Away):
            await connection.call(write)
    assert await connection.call(lambda: client.xlen("said")) == 1
    await client.config_set("maxmemory", "0")
    await connection.call(script)
    assert await connection.call(lambda: client.xlen("said")) == 2


async def test_a_transaction_that_may_not_write_finds_it_away_too(connection: RedisConnection) -> None:
    """Without the replicas asked for, writes are refused as they are on a full disk, by a code of its own."""
    client = connection.client

    async def transaction() -> None:
        pipe = client.pipeline(transaction=True)
        pipe.hset("thread", "said", "of pipeline caused error: ('WRONGTYPE")
        pipe.pexpire("thread", 1000)
        await pipe.execute()

    await client.config_set("min-replicas-to-write", "1")
    with pytest.raises(Away):
        await connection.call(transaction)
    await client.config_set("min-replicas-to-write", "0")
    await connection.call(transaction)
    await client.set("thread", "no hash")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await connection.call(transaction)


async def test_a_transaction_that_is_overtaken_by_the_fault_finds_it_away_too(
    connection: RedisConnection,
) -> None:
    """A long one may arrive in pieces; what came before the fault is queued, and its EXEC is refused."""
    client = connection.client
    one_line: Any = client.client()
    async with one_line:
        await one_line.execute_command("MULTI")
        await one_line.execute_command("SET", "said", "yes")
        await client.config_set("min-replicas-to-write", "1")
        with pytest.raises(Away):
            await connection.call(lambda: one_line.execute_command("EXEC"))
    await client.config_set("min-replicas-to-write", "0")
    assert await connection.call(lambda: client.exists("said")) == 0


async def test_as_a_replica_of_something_else_it_is_away_for_writers(connection: RedisConnection) -> None:
    await connection.client.replicaof("127.0.0.1", "1")
    with pytest.raises(Away):
        await connection.call(lambda: connection.client.set("a", "b"))


async def test_a_mistake_of_the_caller_is_no_fault_of_the_store(connection: RedisConnection) -> None:
    await connection.client.xgroup_create("jobs", "workers", mkstream=True)
    for _ in range(5):
        with pytest.raises(ResponseError, match="already exists"):
            await connection.call(lambda: connection.client.xgroup_create("jobs", "workers"))
    assert connection.breaker.state is BreakerState.CLOSED


def test_a_connection_that_is_lost_under_uvloop_is_away_and_another_error_is_itself(
    valkey: ValkeyProcess,
) -> None:
    """uvicorn runs the services under uvloop, which says in words of its own that a connection is gone."""

    async def lose_it() -> None:
        breaker = CircuitBreaker("redis", failure_threshold=3, reset_timeout_seconds=0.2)
        connection = RedisConnection(valkey.url, unavailable=Away, breaker=breaker)
        pool: Any = connection.client.connection_pool
        line = await pool.get_connection()
        line._writer.transport.abort()
        await asyncio.sleep(0)
        with pytest.raises(Away):
            await connection.call(lambda: line.send_packed_command([b"PING"]))
        with pytest.raises(RuntimeError, match="of our own"):
            await connection.call(_mistaken)
        await connection.aclose()

    uvloop.run(lose_it())


async def _mistaken() -> None:
    raise RuntimeError("of our own")

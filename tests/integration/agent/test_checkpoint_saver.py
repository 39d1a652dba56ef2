"""The saver against LangGraph's own conformance suite and a real Valkey."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import cast

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from services.agent.checkpoint_saver import RedisCheckpointSaver
from services.agent.problems import ThreadsUnavailable
from services.common.redis_connection import RedisConnection
from tests.support.valkey import ValkeyProcess

CONFIG: RunnableConfig = {"configurable": {"thread_id": "t1", "checkpoint_ns": ""}}


def saver_over(connection: RedisConnection, ttl_seconds: float = 60) -> RedisCheckpointSaver:
    return RedisCheckpointSaver(connection, ttl_seconds=ttl_seconds)


async def test_it_passes_every_capability_of_the_conformance_suite(connection: RedisConnection) -> None:
    async def fresh() -> AsyncGenerator[BaseCheckpointSaver[int], None]:
        await connection.client.flushall()
        yield saver_over(connection)

    report = await validate(checkpointer_test(name="redis")(fresh))
    failures = [failure for result in report.results.values() for failure in result.failures or []]
    assert failures == []
    assert {name for name, result in report.results.items() if result.passed} == {
        capability.value for capability in Capability
    }


async def test_a_thread_expires_when_nothing_was_put_for_its_time(connection: RedisConnection) -> None:
    saver = saver_over(connection, ttl_seconds=60)
    stored = await saver.aput(CONFIG, empty_checkpoint(), {}, {})
    await connection.client.pexpire("agent:thread:t1", 1000)
    await saver.aput_writes(stored, [("channel", 1)], "task")
    assert await connection.client.pttl("agent:thread:t1") > 50_000


async def test_what_was_put_survives_a_killed_server(
    connection: RedisConnection, valkey: ValkeyProcess
) -> None:
    saver = saver_over(connection)
    stored = await saver.aput(CONFIG, empty_checkpoint(), {"step": 3}, {})
    valkey.kill()
    valkey.start()
    found = await saver.aget_tuple(stored)
    assert found is not None
    assert found.metadata["step"] == 3


async def test_a_type_that_is_not_on_the_list_is_not_brought_to_life(connection: RedisConnection) -> None:
    """A checkpoint is bytes from a store: what it may become is ours to say."""
    saver = saver_over(connection)
    checkpoint = {**empty_checkpoint(), "channel_values": {"thing": _Unlisted("x")}}
    await saver.aput(CONFIG, cast("Checkpoint", checkpoint), {}, {})
    found = await saver.aget_tuple(CONFIG)
    assert found is not None
    assert not isinstance(found.checkpoint["channel_values"]["thing"], _Unlisted)


async def test_a_frozen_server_is_said_so_at_once_from_the_fourth_call_on(
    connection: RedisConnection, valkey: ValkeyProcess
) -> None:
    saver = saver_over(connection)
    valkey.freeze()
    for _ in range(4):
        with pytest.raises(ThreadsUnavailable):
            await saver.aget_tuple(CONFIG)
    valkey.thaw()


@dataclass
class _Unlisted:
    name: str

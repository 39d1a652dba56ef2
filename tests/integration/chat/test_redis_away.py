"""What the store does while Redis is dead, frozen, or back again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.chat.main import build_store
from services.chat.problems import StoreUnavailable
from services.chat.store.records import Lease, NewTurn
from services.chat.store.redis_store import RedisStore
from services.common.circuit_breaker import BreakerState
from tests.support.chat_app import chat_settings
from tests.support.valkey import ValkeyProcess

ANSWER_SECONDS = RECOVERY_SECONDS = 2.0


@pytest.fixture(name="store")
async def store_fixture(own_valkey: ValkeyProcess) -> AsyncIterator[RedisStore]:
    store = build_store(chat_settings(redis_url=own_valkey.url))
    yield store
    await store.aclose()


async def test_a_frozen_redis_is_an_answer_in_time_and_goes_on_by_itself(
    store: RedisStore, own_valkey: ValkeyProcess
) -> None:
    await _begin(store, "before")
    own_valkey.freeze()
    for _ in range(5):
        assert await _seconds_to_refusal(lambda: _begin(store, "during")) < ANSWER_SECONDS
    assert store.breaker_state is not BreakerState.CLOSED
    assert await _seconds_to_refusal(lambda: store.sessions("ann", limit=1)) < 0.1
    own_valkey.thaw()
    assert await _seconds_to_recovery(store) < RECOVERY_SECONDS
    await _begin(store, "after")
    messages = (await store.history("ann", "s", limit=10)).messages
    assert [message.message_id for message in messages if message.message_id != "during"] == [
        "before",
        "after",
    ]


async def test_a_killed_redis_comes_back_with_everything_that_was_acknowledged(
    store: RedisStore, own_valkey: ValkeyProcess
) -> None:
    await _begin(store, "before")
    own_valkey.kill()
    assert await _seconds_to_refusal(lambda: _begin(store, "during")) < ANSWER_SECONDS
    own_valkey.start()
    assert await _seconds_to_recovery(store) < RECOVERY_SECONDS
    await _begin(store, "after")
    messages = (await store.history("ann", "s", limit=10)).messages
    assert [message.message_id for message in messages] == ["before", "after"]


async def _begin(store: RedisStore, message_id: str) -> None:
    turn = NewTurn("ann", "s", message_id, "hello", "title", "print")
    await store.begin(turn, Lease(f"reply-{message_id}", f"worker-{message_id}"))


async def _seconds_to_refusal(call: Callable[[], Awaitable[object]]) -> float:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await call()
    return time.monotonic() - started


async def _seconds_to_recovery(store: RedisStore) -> float:
    started = time.monotonic()
    while time.monotonic() - started < 10:
        try:
            await store.ping()
        except StoreUnavailable:
            await asyncio.sleep(0.02)
            continue
        return time.monotonic() - started
    raise AssertionError("the store did not recover")

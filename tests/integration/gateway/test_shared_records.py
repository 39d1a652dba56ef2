"""Several monitors over one real server: one breaker, one probe between them, whatever happens to it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from gateway.health_monitor.records import StoreUnavailable
from gateway.health_monitor.shared_records import SharedRecords
from services.common.circuit_breaker import BreakerState
from tests.support.health_records_contract import (
    BAD,
    GOOD,
    THRESHOLDS,
    WATCHED,
    Harness,
    RecordStoreContract,
    check,
    open_breaker,
    take_leave,
)
from tests.support.valkey import ValkeyProcess


def _client(valkey: ValkeyProcess) -> Redis:
    return Redis.from_url(valkey.url, decode_responses=True, socket_timeout=0.5, socket_connect_timeout=0.5)


@pytest.fixture(name="harness")
async def harness_fixture(valkey: ValkeyProcess) -> AsyncIterator[Harness]:
    one, two = _client(valkey), _client(valkey)
    yield Harness(SharedRecords(one), SharedRecords(two), asyncio.sleep)
    await one.aclose()
    await two.aclose()


class TestSharedRecords(RecordStoreContract):
    """The fixture of this module."""


async def test_of_fifty_monitors_at_the_same_moment_one_gets_the_probe(harness: Harness) -> None:
    await open_breaker(harness)
    stores = [harness.store, harness.other] * 25
    leaves = await asyncio.gather(*(store.begin(WATCHED) for store in stores))
    assert len([leave for leave in leaves if leave is not None]) == 1


async def test_the_probe_of_a_monitor_that_died_goes_to_another(harness: Harness) -> None:
    await open_breaker(harness)
    await take_leave(harness.store)
    assert await harness.other.begin(WATCHED) is None
    await harness.wait(THRESHOLDS.probe_lease_seconds)
    await harness.other.report(WATCHED, await take_leave(harness.other), GOOD)
    assert (await harness.store.read(WATCHED)).healthy


async def test_a_probe_that_comes_back_after_its_lease_has_no_say(harness: Harness) -> None:
    await open_breaker(harness)
    late = await take_leave(harness.store)
    await harness.wait(THRESHOLDS.probe_lease_seconds)
    await take_leave(harness.other)
    await harness.store.report(WATCHED, late, GOOD)
    assert (await harness.other.read(WATCHED)).state is not BreakerState.CLOSED


async def test_failures_of_all_monitors_count_together(harness: Harness) -> None:
    await check(harness.store, BAD, 3)
    await check(harness.other, BAD, 2)
    assert (await harness.store.read(WATCHED)).state is BreakerState.OPEN


async def test_a_store_that_is_away_or_frozen_says_so(valkey: ValkeyProcess) -> None:
    client = _client(valkey)
    records = SharedRecords(client)
    valkey.freeze()
    with pytest.raises(StoreUnavailable):
        await records.begin(WATCHED)
    valkey.thaw()
    valkey.kill()
    with pytest.raises(StoreUnavailable):
        await records.read(WATCHED)
    valkey.start()
    assert not (await records.read(WATCHED)).known
    await client.aclose()

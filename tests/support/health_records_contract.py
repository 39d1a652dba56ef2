"""What every RecordStore promises. `Harness.wait` lets time pass, by a fake clock or for real."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway.health_monitor.checks import Check
from gateway.health_monitor.records import Leave, RecordStore
from gateway.health_monitor.targets import Target, Thresholds
from services.common.circuit_breaker import BreakerState

THRESHOLDS = Thresholds(failure_threshold=5, reset_timeout_seconds=0.4, probe_lease_seconds=0.4)
GOOD = Check(latency_seconds=0.01, error=None)
BAD = Check(latency_seconds=0.02, error="nothing listens there")
WATCHED = Target("chat-service", "localhost:8007", "http://localhost:8007/", "It rests.", THRESHOLDS)
ANOTHER = replace(WATCHED, upstream="localhost:8017")


@dataclass(frozen=True, slots=True)
class Harness:
    """`store` and `other` are two monitors' views of the same records."""

    store: RecordStore
    other: RecordStore
    wait: Callable[[float], Awaitable[None]]


class RecordStoreContract:
    """Subclasses give the fixture `harness`."""

    async def test_a_target_that_was_never_checked_is_not_known(self, harness: Harness) -> None:
        record = await harness.store.read(WATCHED)
        assert not record.known
        assert not record.healthy
        assert record.state is BreakerState.CLOSED

    async def test_a_good_check_makes_it_healthy(self, harness: Harness) -> None:
        await check(harness.store, GOOD)
        record = await harness.store.read(WATCHED)
        assert record.healthy
        assert record.latency_seconds == 0.01
        assert record.since is not None

    async def test_five_failures_in_a_row_open_it(self, harness: Harness) -> None:
        await check(harness.store, BAD, 4)
        assert (await harness.store.read(WATCHED)).state is BreakerState.CLOSED
        await check(harness.store, BAD)
        record = await harness.store.read(WATCHED)
        assert record.state is BreakerState.OPEN
        assert record.consecutive_failures == 5
        assert record.error == "nothing listens there"
        assert record.retry_at is not None
        assert await harness.store.begin(WATCHED) is None

    async def test_four_failures_a_success_and_four_failures_leave_it_closed(self, harness: Harness) -> None:
        await check(harness.store, BAD, 4)
        await check(harness.store, GOOD)
        await check(harness.store, BAD, 4)
        record = await harness.store.read(WATCHED)
        assert record.state is BreakerState.CLOSED
        assert not record.healthy

    async def test_half_open_gives_one_probe_between_all(self, harness: Harness) -> None:
        await open_breaker(harness)
        leaves = [await store.begin(WATCHED) for store in (harness.store, harness.other, harness.store)]
        given = [leave for leave in leaves if leave is not None]
        assert [leave.is_probe for leave in given] == [True]

    async def test_a_good_probe_closes_it_for_all(self, harness: Harness) -> None:
        await open_breaker(harness)
        await harness.store.report(WATCHED, await take_leave(harness.store), GOOD)
        record = await harness.other.read(WATCHED)
        assert record.healthy
        assert record.consecutive_failures == 0
        assert await harness.other.begin(WATCHED) is not None

    async def test_a_bad_probe_opens_it_again_for_the_whole_time(self, harness: Harness) -> None:
        await open_breaker(harness)
        await harness.store.report(WATCHED, await take_leave(harness.store), BAD)
        assert (await harness.other.read(WATCHED)).state is BreakerState.OPEN
        assert await harness.other.begin(WATCHED) is None
        await harness.wait(THRESHOLDS.reset_timeout_seconds)
        assert await harness.other.begin(WATCHED) is not None

    async def test_a_check_begun_before_the_circuit_opened_does_not_close_it(self, harness: Harness) -> None:
        late = await take_leave(harness.store)
        await check(harness.store, BAD, 5)
        await harness.store.report(WATCHED, late, GOOD)
        assert (await harness.store.read(WATCHED)).state is BreakerState.OPEN

    async def test_targets_do_not_touch_each_other(self, harness: Harness) -> None:
        await check(harness.store, BAD, 5)
        assert (await harness.store.read(ANOTHER)).state is BreakerState.CLOSED


async def open_breaker(harness: Harness) -> None:
    await check(harness.store, BAD, 5)
    await harness.wait(THRESHOLDS.reset_timeout_seconds)


async def check(store: RecordStore, found: Check, times: int = 1) -> None:
    for _ in range(times):
        await store.report(WATCHED, await take_leave(store), found)


async def take_leave(store: RecordStore) -> Leave:
    leave = await store.begin(WATCHED)
    assert leave is not None
    return leave

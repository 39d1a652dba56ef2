"""The breaker opens on consecutive failures only, and lets exactly one probe through."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.common.circuit_breaker import BreakerState, CircuitBreaker, CircuitOpenError, Permit
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker("engine", clock=clock)


def _permit(breaker: CircuitBreaker) -> Permit:
    permit = breaker.try_acquire()
    assert permit is not None
    return permit


def _state(breaker: CircuitBreaker) -> BreakerState:
    """A call, so that the type checker does not take an earlier state for the present one."""
    return breaker.state


def _fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        _permit(breaker).failure()


def test_five_consecutive_failures_open_it(breaker: CircuitBreaker) -> None:
    _fail(breaker, 4)
    assert _state(breaker) is BreakerState.CLOSED
    _fail(breaker, 1)
    assert _state(breaker) is BreakerState.OPEN
    assert breaker.try_acquire() is None


def test_four_failures_a_success_and_four_failures_leave_it_closed(breaker: CircuitBreaker) -> None:
    _fail(breaker, 4)
    _permit(breaker).success()
    _fail(breaker, 4)
    assert _state(breaker) is BreakerState.CLOSED


def test_it_stays_open_for_sixty_seconds(breaker: CircuitBreaker, clock: FakeClock) -> None:
    _fail(breaker, 5)
    clock.advance(59.9)
    assert _state(breaker) is BreakerState.OPEN
    assert breaker.retry_after_seconds() == pytest.approx(0.1)
    clock.advance(0.1)
    assert _state(breaker) is BreakerState.HALF_OPEN


def test_exactly_one_of_a_hundred_waiting_threads_gets_the_probe(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    _fail(breaker, 5)
    clock.advance(60)
    with ThreadPoolExecutor(32) as pool:
        permits = list(pool.map(lambda _: breaker.try_acquire(), range(100)))
    assert sum(permit is not None for permit in permits) == 1


def test_a_good_probe_closes_it(breaker: CircuitBreaker, clock: FakeClock) -> None:
    _fail(breaker, 5)
    clock.advance(60)
    _permit(breaker).success()
    assert _state(breaker) is BreakerState.CLOSED
    _fail(breaker, 4)
    assert _state(breaker) is BreakerState.CLOSED


def test_a_bad_probe_opens_it_for_another_sixty_seconds(breaker: CircuitBreaker, clock: FakeClock) -> None:
    _fail(breaker, 5)
    clock.advance(60)
    _permit(breaker).failure()
    clock.advance(59)
    assert _state(breaker) is BreakerState.OPEN
    clock.advance(1)
    assert _state(breaker) is BreakerState.HALF_OPEN


def test_a_cancelled_probe_goes_to_the_next_caller(breaker: CircuitBreaker, clock: FakeClock) -> None:
    _fail(breaker, 5)
    clock.advance(60)
    _permit(breaker).release()
    assert _state(breaker) is BreakerState.HALF_OPEN
    assert _permit(breaker).is_probe


def test_a_late_verdict_of_a_call_begun_before_does_not_pass_for_the_probe(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    late_success, late_failure, late_release = (_permit(breaker) for _ in range(3))
    _fail(breaker, 5)
    clock.advance(60)
    probe = _permit(breaker)
    late_success.success()
    late_failure.failure()
    late_release.release()
    assert _state(breaker) is BreakerState.HALF_OPEN
    assert breaker.try_acquire() is None
    probe.success()
    assert _state(breaker) is BreakerState.CLOSED


def test_acquire_says_when_to_come_back(breaker: CircuitBreaker, clock: FakeClock) -> None:
    _fail(breaker, 5)
    clock.advance(20)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.acquire()
    assert caught.value.retry_after_seconds == pytest.approx(40)

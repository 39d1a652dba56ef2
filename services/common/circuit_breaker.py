"""The three-state circuit breaker: for engines, model providers and the gateway's monitor.

CLOSED, after `failure_threshold` consecutive failures OPEN, after `reset_timeout_seconds` HALF_OPEN with
exactly one probe, whose outcome closes or reopens it. Source: Nygard, Release It! (2nd ed.), ch. 5.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitOpenError(Exception):
    """The call was not made: the circuit is open, or its one probe is under way."""

    def __init__(self, name: str, retry_after_seconds: float) -> None:
        super().__init__(f"circuit {name} is open")
        self.name = name
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call. Its holder gives one verdict: success, failure, or release (no verdict).

    The verdict belongs to the call: one that was begun before the circuit opened and ends after it neither
    closes the circuit nor passes for the probe.
    """

    breaker: "CircuitBreaker"
    is_probe: bool

    def success(self) -> None:
        self.breaker._on_success(self)

    def failure(self) -> None:
        self.breaker._on_failure(self)

    def release(self) -> None:
        """The caller cancelled: nothing was learnt, and a probe goes to the next caller."""
        self.breaker._on_release(self)


class CircuitBreaker:
    """Thread-safe; the clock is monotonic seconds."""

    def __init__(
        self,
        name: str,
        *,
        failure_threshold: int = 5,
        reset_timeout_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.failure_threshold = failure_threshold
        self.reset_timeout_seconds = reset_timeout_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._consecutive_failures = 0
        self._opened_at: float | None = None
        self._probe: Permit | None = None

    @property
    def state(self) -> BreakerState:
        with self._lock:
            return self._state()

    @property
    def consecutive_failures(self) -> int:
        with self._lock:
            return self._consecutive_failures

    def retry_after_seconds(self) -> float:
        """Seconds until a probe is allowed; 0 when a call could be made now."""
        with self._lock:
            if self._opened_at is None:
                return 0.0
            return max(0.0, self._opened_at + self.reset_timeout_seconds - self._clock())

    def would_allow(self) -> bool:
        """Whether try_acquire would succeed now; takes nothing."""
        with self._lock:
            return self._allows()

    def try_acquire(self) -> Permit | None:
        """None when the call must not be made. In HALF_OPEN one caller gets the probe, the others None."""
        with self._lock:
            if not self._allows():
                return None
            permit = Permit(self, is_probe=self._state() is BreakerState.HALF_OPEN)
            if permit.is_probe:
                self._probe = permit
            return permit

    def acquire(self) -> Permit:
        """Like try_acquire, but raises CircuitOpenError."""
        permit = self.try_acquire()
        if permit is None:
            raise CircuitOpenError(self.name, self.retry_after_seconds())
        return permit

    def _on_success(self, permit: Permit) -> None:
        with self._lock:
            if permit is self._probe:
                self._probe = None
                self._opened_at = None
            if self._opened_at is None:
                self._consecutive_failures = 0

    def _on_failure(self, permit: Permit) -> None:
        with self._lock:
            if permit is self._probe:
                self._probe = None
                self._consecutive_failures += 1
                self._opened_at = self._clock()
            elif self._opened_at is None:
                self._count_failure()

    def _on_release(self, permit: Permit) -> None:
        with self._lock:
            if permit is self._probe:
                self._probe = None

    def _count_failure(self) -> None:
        self._consecutive_failures += 1
        if self._consecutive_failures >= self.failure_threshold:
            self._opened_at = self._clock()

    def _allows(self) -> bool:
        state = self._state()
        return state is BreakerState.CLOSED or (state is BreakerState.HALF_OPEN and self._probe is None)

    def _state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        if self._clock() - self._opened_at < self.reset_timeout_seconds:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

"""Records of a monitor that watches by itself: in memory, over the breaker that every service uses."""

import time
from collections.abc import Callable
from dataclasses import replace

from gateway.health_monitor.checks import Check
from gateway.health_monitor.records import Leave, Record
from gateway.health_monitor.targets import Target
from services.common.circuit_breaker import BreakerState, CircuitBreaker, Permit


class LocalRecords:
    """`clock`: seconds since the epoch, since a record's times are shown to people."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._breakers: dict[str, CircuitBreaker] = {}
        self._records: dict[str, Record] = {}
        self._permits: dict[str, Permit] = {}

    async def begin(self, target: Target) -> Leave | None:
        permit = self._breaker(target).try_acquire()
        if permit is None:
            return None
        leave = Leave(token=str(id(permit)), is_probe=permit.is_probe)
        self._permits[leave.token] = permit
        return leave

    async def report(self, target: Target, leave: Leave, found: Check) -> Record:
        permit = self._permits.pop(leave.token)
        permit.success() if found.ok else permit.failure()
        self._records[target.key] = replace(
            await self.read(target),
            checked_at=self._clock(),
            latency_seconds=found.latency_seconds,
            error=found.error,
            note=found.note,
        )
        return self._records[target.key]

    async def read(self, target: Target) -> Record:
        breaker = self._breaker(target)
        state = breaker.state
        record = self._records.get(target.key, Record())
        closed_then, closed_now = record.state is BreakerState.CLOSED, state is BreakerState.CLOSED
        changed = record.since is None or closed_then is not closed_now
        record = replace(
            record,
            state=state,
            since=self._clock() if changed else record.since,
            consecutive_failures=breaker.consecutive_failures,
            retry_at=None if state is BreakerState.CLOSED else self._clock() + breaker.retry_after_seconds(),
        )
        self._records[target.key] = record
        return record

    def _breaker(self, target: Target) -> CircuitBreaker:
        key, thresholds = target.key, target.thresholds
        if key not in self._breakers:
            self._breakers[key] = CircuitBreaker(
                key,
                failure_threshold=thresholds.failure_threshold,
                reset_timeout_seconds=thresholds.reset_timeout_seconds,
                clock=self._clock,
            )
        return self._breakers[key]

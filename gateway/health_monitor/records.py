"""What is known of a target, and the seam to where that is kept."""

from dataclasses import dataclass
from typing import Protocol

from gateway.health_monitor.checks import Check
from gateway.health_monitor.targets import Target
from services.common.circuit_breaker import BreakerState


@dataclass(frozen=True, slots=True)
class Record:
    """Times are seconds since the epoch.

    `since`: when the breaker last closed or stopped being closed. `retry_at`: when an open breaker allows its
    probe; None while it is closed.
    """

    state: BreakerState = BreakerState.CLOSED
    since: float | None = None
    consecutive_failures: int = 0
    checked_at: float | None = None
    latency_seconds: float | None = None
    error: str | None = None
    note: str = ""
    retry_at: float | None = None

    @property
    def known(self) -> bool:
        return self.checked_at is not None

    @property
    def healthy(self) -> bool:
        return self.known and self.error is None and self.state is BreakerState.CLOSED


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to make one check. `token` says whose it is where several monitors share a store."""

    token: str
    is_probe: bool


class RecordStore(Protocol):
    """A breaker for each target. Raises StoreUnavailable where it cannot be reached."""

    async def begin(self, target: Target) -> Leave | None:
        """None when no check must be made now: the breaker is open, or its one probe is under way."""
        ...

    async def report(self, target: Target, leave: Leave, found: Check) -> Record:
        """The verdict of the check that the leave was given for."""
        ...

    async def read(self, target: Target) -> Record: ...


class StoreUnavailable(Exception):
    """The shared store did not answer."""

"""Bounded admission: so many run, so many wait, the rest are refused at once.

A queue without a bound turns overload into latency for everybody; a refusal within milliseconds lets the
client go elsewhere. Source: Google SRE Book, ch. 21 and 22.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.common.problems import DeadlineExceeded, InvalidRequest, Overloaded

Clock = Callable[[], float]
_TOGETHER_SECONDS = 0.01
_RUSH_IS_OVER_SECONDS = 0.025
_RUSH_IS_WAITED_FOR_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on a monotonic clock by which an answer is worth having."""

    at: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        return cls(clock() + seconds, clock)

    @classmethod
    def from_header(
        cls, value: str | None, *, default_seconds: float, max_seconds: float, clock: Clock = time.monotonic
    ) -> "Deadline":
        """From `X-Request-Timeout`, in seconds. Raises InvalidRequest for what is not a positive number."""
        if value is None:
            return cls.after(default_seconds, clock)
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds > 0):
            raise InvalidRequest("X-Request-Timeout takes a positive number of seconds.")
        return cls.after(min(seconds, max_seconds), clock)

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.at - self.clock())

    @property
    def expired(self) -> bool:
        return self.clock() >= self.at


class Admission:
    """First come, first served; for one event loop. `running_max`, `waiting_max`: counts of requests."""

    def __init__(
        self, name: str, *, running_max: int, waiting_max: int, clock: Clock = time.monotonic
    ) -> None:
        self.name = name
        self.running_max = running_max
        self.waiting_max = waiting_max
        self.running = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._mean_seconds = 1.0
        self._clock = clock
        self._rushed_at = self._entered_at = -math.inf

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def full(self) -> bool:
        """Whether one more request would be refused now."""
        return self.running >= self.running_max and self.waiting >= self.waiting_max

    @property
    def free(self) -> bool:
        """Whether one more request would run at once."""
        return self.running < self.running_max and not self._waiters

    def retry_after_seconds(self) -> float:
        """When a place is likely to be free: what is waiting, at the pace of late."""
        return self._mean_seconds * (self.waiting + 1) / self.running_max

    @asynccontextmanager
    async def slot(self, deadline: Deadline) -> AsyncIterator[None]:
        """A place for as long as the block runs. Raises as `enter` does."""
        place = await self.enter(deadline)
        try:
            yield
        finally:
            place.leave()

    async def enter(self, deadline: Deadline) -> "Place":
        """Raises Overloaded at once when full, DeadlineExceeded when the wait outlived the deadline."""
        if self.full:
            raise self.refusal()
        self._note_rush()
        if self.free:
            self.running += 1
        else:
            await self._wait_for_place(deadline)
        return Place(self, deadline.clock)

    def refusal(self) -> Overloaded:
        """For one request that came while it was full."""
        self._rushed_at = self._clock()
        return Overloaded(
            "All places are taken. Try again in a moment.",
            retry_after_seconds=self.retry_after_seconds(),
            queue=self.name,
        )

    async def rush_is_over(self) -> None:
        """Returns when for 25 ms there was no rush; after 100 ms at the latest; mostly at once.

        A rush is when requests come within 10 ms of each other, have to wait or are refused.

        For the admitted to wait for before they take the processors: where many come together, those who
        are turned away have their answer first.
        """
        now = self._clock()
        latest = now + _RUSH_IS_WAITED_FOR_SECONDS
        while now - self._rushed_at < _RUSH_IS_OVER_SECONDS and now < latest:
            await asyncio.sleep(self._rushed_at + _RUSH_IS_OVER_SECONDS - now)
            now = self._clock()

    def _note_rush(self) -> None:
        now = self._clock()
        if not self.free or now - self._entered_at < _TOGETHER_SECONDS:
            self._rushed_at = now
        self._entered_at = now

    async def _wait_for_place(self, deadline: Deadline) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(place)
        try:
            async with asyncio.timeout(deadline.remaining_seconds):
                await place
        except BaseException as exc:
            self._give_up(place)
            if isinstance(exc, TimeoutError):
                raise DeadlineExceeded("The deadline passed while the request was waiting.") from exc
            raise

    def _give_up(self, place: asyncio.Future[None]) -> None:
        """A place handed over in the very moment of giving up goes on to the next waiter."""
        if place in self._waiters:
            self._waiters.remove(place)
        elif place.done() and not place.cancelled():
            self._leave()

    def _note_pace(self, seconds: float) -> None:
        self._mean_seconds += 0.2 * (seconds - self._mean_seconds)

    def _leave(self) -> None:
        while self._waiters:
            place = self._waiters.popleft()
            if not place.done():
                place.set_result(None)  # the place passes on: `running` stays as it is
                return
        self.running -= 1


class Place:
    """A running request's place, held until `leave`, which may be called more than once."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        self._admission = admission
        self._clock = clock
        self._entered_at = clock()
        self._left = False

    def leave(self) -> None:
        if not self._left:
            self._left = True
            self._admission._note_pace(self._clock() - self._entered_at)
            self._admission._leave()

"""The sockets that are open on this replica: how many there may be, and which are at their end.

One task looks at all of them once a second: a timer each would cost more than the sockets' own state.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import Gauge

from services.common.problems import Overloaded, TooManyRequests
from services.common.sockets.closing import Farewell

_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 5.0


class Watched(Protocol):
    """A socket, as far as it is watched."""

    def overdue(self, now: float, wall_now: float) -> Farewell | None:
        """Why it is to be closed. `now` goes forward; `wall_now`: seconds since the epoch."""
        ...

    def dismiss(self, farewell: Farewell) -> None: ...


class OpenSockets:
    def __init__(
        self,
        *,
        total_max: int,
        per_user_max: int,
        gauge: Gauge,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._wall_clock = wall_clock
        self._total_max = total_max
        self._per_user_max = per_user_max
        self._gauge = gauge
        self._taken: Counter[str] = Counter()
        self._total = 0
        self._watched: set[Watched] = set()

    @contextmanager
    def place(self, subject: str) -> Iterator[None]:
        """One of the places of this replica and of this user. Raises Overloaded, TooManyRequests."""
        self._refuse(subject)
        self._total += 1
        self._taken[subject] += 1
        self._gauge.inc()
        try:
            yield
        finally:
            self._gauge.dec()
            self._total -= 1
            self._taken[subject] -= 1
            if not self._taken[subject]:
                del self._taken[subject]

    @contextmanager
    def watching(self, socket: Watched) -> Iterator[None]:
        self._watched.add(socket)
        try:
            yield
        finally:
            self._watched.discard(socket)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        now, wall_now = self.clock(), self._wall_clock()
        for socket in tuple(self._watched):
            farewell = socket.overdue(now, wall_now)
            if farewell is not None:
                self._watched.discard(socket)
                socket.dismiss(farewell)

    def _refuse(self, subject: str) -> None:
        if self._total >= self._total_max:
            raise Overloaded(
                "This server has as many sockets as it can take.", retry_after_seconds=_RETRY_SECONDS
            )
        if self._taken[subject] >= self._per_user_max:
            raise TooManyRequests(
                f"You have {self._per_user_max} sockets open. Close one first.",
                retry_after_seconds=_RETRY_SECONDS,
                sockets_max=self._per_user_max,
            )

"""Keeps for a while what a model server said of itself, so that a reply need not wait for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from services.common.language_models.provider import CUT_OFF, ProviderFailed

V = TypeVar("V")


async def once_more_if_cut_off(ask: Callable[[], Awaitable[V]]) -> V:
    """A server may close a kept connection in the very moment that it is used again; a new one tells."""
    try:
        return await ask()
    except ProviderFailed as failure:
        if failure.reason != CUT_OFF:
            raise
        return await ask()


class Remembered(Generic[V]):
    """An answer, asked for again when it is older than `seconds`. A failure is not kept."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[V]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[float, V] | None = None

    async def get(self) -> V:
        """Many at once ask once. Raises what asking raises."""
        async with self._lock:
            if self._kept is not None and self._clock() < self._kept[0]:
                return self._kept[1]
            value = await once_more_if_cut_off(self._ask)
            self._kept = (self._clock() + self._seconds, value)
            return value

    def forget(self) -> None:
        self._kept = None

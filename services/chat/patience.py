"""Repeats a call to a store that is away, for a while. Every call of the store may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.chat.problems import StoreUnavailable

R = TypeVar("R")
_PAUSE_SECONDS = 0.1


async def patiently(
    call: Callable[[], Awaitable[R]], patience_seconds: float, clock: Callable[[], float]
) -> R:
    """Raises StoreUnavailable when the patience is at its end."""
    until = clock() + patience_seconds
    while True:
        try:
            return await call()
        except StoreUnavailable:
            if clock() >= until:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)

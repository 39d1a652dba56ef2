"""Waits for something to become true, as short as possible and never for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(happened: Callable[[], bool], within_seconds: float = 10.0) -> None:
    until = time.monotonic() + within_seconds
    while not happened():
        assert time.monotonic() < until, f"not within {within_seconds:g} s"
        await asyncio.sleep(0.01)


async def eventually_so(asked: Callable[[], Awaitable[bool]], within_seconds: float = 20.0) -> None:
    """The same for what has to be asked for."""
    until = time.monotonic() + within_seconds
    while not await asked():
        assert time.monotonic() < until, f"not within {within_seconds:g} s"
        await asyncio.sleep(0.02)

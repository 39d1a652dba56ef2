"""A state as it is, and again whenever it has changed: for a reader who stays, as events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.responses import StreamingResponse
from starlette.requests import Request

from services.common import sse
from services.common.draining import Draining

State = dict[str, object]


def wants_events(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def state_events(
    read: Callable[[], Awaitable[State]], draining: Draining, *, every_seconds: float
) -> StreamingResponse:
    """`status` at once and after every change. It ends when the process is about to; ask anew then."""
    return sse.event_stream(_lines(changes(read, draining, every_seconds=every_seconds)))


async def changes(
    read: Callable[[], Awaitable[State]], draining: Draining, *, every_seconds: float
) -> AsyncIterator[State]:
    """`read` is called every so often, and is to be cheap."""
    last: State | None = None
    while not draining.begun:
        state = await read()
        if state != last:
            yield state
        last = state
        await asyncio.sleep(every_seconds)


async def _lines(states: AsyncIterator[State]) -> AsyncIterator[bytes]:
    async for state in sse.with_pauses(states):
        yield sse.KEEP_ALIVE if state is None else sse.event("status", state)

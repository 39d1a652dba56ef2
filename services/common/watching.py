"""A state as it is, and again whenever it has changed: for a reader who stays, as events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from services.common import sse
from services.common.draining import Draining

State = dict[str, object]


async def state_response(
    request: Request, read: Callable[[], Awaitable[State]], *, every_seconds: float
) -> Response:
    """As JSON; to who accepts events, as `status` at once and after every change, until the process goes."""
    if sse.wants_events(request):
        states = changes(read, request.app.state.draining, every_seconds=every_seconds)
        return sse.event_stream(_lines(states))
    return JSONResponse(await read())


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

"""Server-sent events, with a comment now and then so that no proxy thinks us gone.

Source: WHATWG HTML, 9.2.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TypeVar

from fastapi.responses import StreamingResponse
from starlette.requests import Request

T = TypeVar("T")
MEDIA_TYPE = "text/event-stream"
_QUIET_SECONDS = 15.0
KEEP_ALIVE = b": keep-alive\n\n"


def wants_events(request: Request) -> bool:
    return MEDIA_TYPE in request.headers.get("accept", "")


def event_stream(lines: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(
        lines,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def event(name: str, content: object, number: int | None = None) -> bytes:
    """`number`: the event's id, which a client that comes back sends as Last-Event-ID."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {compact(content)}\n\n".encode()


def compact(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


async def with_pauses(
    items: AsyncIterator[T], quiet_seconds: float = _QUIET_SECONDS
) -> AsyncIterator[T | None]:
    """The items, and None whenever nothing came for so long."""
    coming = asyncio.ensure_future(anext(items))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=quiet_seconds)
            if not done:
                yield None
                continue
            try:
                yield coming.result()
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(anext(items))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)

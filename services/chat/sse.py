"""Server-sent events: frames as lines, with a comment now and then so that no proxy thinks us gone.

Source: WHATWG HTML, 9.2.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TypeVar

from fastapi.responses import StreamingResponse

from services.chat.frames import Frame

T = TypeVar("T")
_QUIET_SECONDS = 15.0
KEEP_ALIVE = b": keep-alive\n\n"


def event_stream(lines: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(
        lines,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def event(frame: Frame) -> bytes:
    """The frame's type is the event's name, its seq, if it has one, the event's id."""
    number = f"id: {frame['seq']}\n" if "seq" in frame else ""
    return f"{number}event: {frame['type']}\ndata: {compact(frame)}\n\n".encode()


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

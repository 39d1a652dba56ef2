"""Cancels the work of a request whose client has gone away. Starlette leaves a plain handler running."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

R = TypeVar("R")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, R]) -> R:
    """Awaits `work`; cancels it when the client disconnects. The request's body must have been read.

    Raises ClientGone.
    """
    task = asyncio.create_task(work)
    watcher = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        watcher.cancel()
        task.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

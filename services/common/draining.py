"""Leaving without dropping a request: first out of the rotation, then out of the world. Used by serving.py.

A proxy learns a moment late that a replica goes. Until it has, the replica still answers, says in its
readiness that it wants no more, and asks for each connection to be closed, so that none is reused at the
instant it ends.
"""

import asyncio

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSE = (b"connection", b"close")


class Draining:
    """Whether this process is about to end, and whether its readiness is to say so. One for each app."""

    def __init__(self, *, says_not_ready: bool = True) -> None:
        self.begun = False
        self._says_not_ready = says_not_ready

    @property
    def announced(self) -> bool:
        return self.begun and self._says_not_ready


class ConnectionCloseMiddleware:
    """While draining, every reply is the last one on its connection."""

    def __init__(self, app: ASGIApp, *, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start" and self._draining.begun:
                message.setdefault("headers", []).append(_CLOSE)
            await send(message)

        closes = scope["type"] == "http"
        await self._app(scope, receive, send_and_close if closes else send)


class DrainingServer(uvicorn.Server):
    """uvicorn, which goes on serving for `drain_seconds` after it was asked to end. Asked twice, it ends."""

    def __init__(self, config: uvicorn.Config, *, draining: Draining, drain_seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_seconds = drain_seconds

    async def main_loop(self) -> None:
        await super().main_loop()
        self._draining.begun = True
        if self._drain_seconds == 0:
            return
        self.should_exit = False
        timer = asyncio.get_running_loop().call_later(self._drain_seconds, self._end)
        await super().main_loop()
        timer.cancel()

    def _end(self) -> None:
        self.should_exit = True

"""One WebSocket as frames, over ASGI. Nothing is queued here: a sender waits until the peer takes it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Receive, Send

from services.common.sockets import closing
from services.common.sse import compact


class PeerGone(Exception):
    """The connection is closed, or being closed."""


class PeerStuck(PeerGone):
    """It has read nothing for so long that it is given up."""


class Wire:
    __slots__ = ("_receive", "_send", "_send_seconds", "closed")

    def __init__(self, receive: Receive, send: Send, *, send_seconds: float) -> None:
        self.closed = False
        self._receive = receive
        self._send = send
        self._send_seconds = send_seconds

    async def accept(self, subprotocol: str | None) -> None:
        await self._give({"type": "websocket.accept", "subprotocol": subprotocol})

    async def next_text(self) -> str:
        """Raises PeerGone, and Farewell for a frame that is not text."""
        frame = await self.next_frame()
        if isinstance(frame, bytes):
            raise closing.binary_frame()
        return frame

    async def next_frame(self) -> str | bytes:
        """Raises PeerGone."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self.closed = True
            raise PeerGone
        text: str | None = message.get("text")
        return bytes(message["bytes"]) if text is None else text

    async def send(self, frame: Mapping[str, Any]) -> None:
        """Raises PeerGone, or PeerStuck after `send_seconds`."""
        await self._give({"type": "websocket.send", "text": compact(frame)})

    async def close(self, code: int, reason: str) -> None:
        await self._give({"type": "websocket.close", "code": code, "reason": reason})
        self.closed = True

    async def _give(self, message: Message) -> None:
        if self.closed:
            raise PeerGone
        try:
            async with asyncio.timeout(self._send_seconds):
                await self._send(message)
        except TimeoutError as exc:
            self.closed = True
            raise PeerStuck from exc
        except OSError as exc:
            self.closed = True
            raise PeerGone from exc

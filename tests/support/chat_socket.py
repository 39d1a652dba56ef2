"""A client of the chat service's WebSocket, for tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.tokens import bearer

Frame = dict[str, Any]
_PATIENCE_SECONDS = 30.0


class ChatSocket:
    """`frames`: everything that was received."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Frame] = []

    async def send(self, **frame: object) -> None:
        await self.connection.send(json.dumps(frame))

    async def receive(self) -> Frame:
        """The next frame. Raises ConnectionClosed."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            frame: Frame = json.loads(await self.connection.recv())
        self.frames.append(frame)
        return frame

    async def until(self, *kinds: str) -> list[Frame]:
        """The frames up to the first of one of these kinds, it included."""
        seen = [await self.receive()]
        while seen[-1]["type"] not in kinds:
            seen.append(await self.receive())
        return seen

    async def say(self, content: str, **more: object) -> list[Frame]:
        """Sends a message; the frames from its ack to its ending."""
        await self.send(type="message", content=content, **more)
        return await self.until("done", "error")

    async def close_code(self) -> int | None:
        """Reads until the other side has closed, and tells how."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    self.frames.append(json.loads(await self.connection.recv()))
        return self.connection.close_code


def token_of(headers: Mapping[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


@asynccontextmanager
async def chat_socket(
    base_url: str,
    *,
    token: str | None = None,
    session_id: str | None = None,
    path: str = "/ws",
    query: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[ChatSocket]:
    """`token` None: ann's. `query`: instead of token and session; `options` are the WebSocket library's."""
    if query is None:
        named = {} if session_id is None else {"session_id": session_id}
        query = {"token": token or token_of(bearer("ann")), **named}
    url = f"{base_url.replace('http', 'ws', 1)}{path}?{urlencode(query)}"
    async with connect(url, proxy=None, max_size=None, **options) as connection:
        yield ChatSocket(connection)


async def refusal(url: str, **options: Any) -> InvalidStatus:
    """How an upgrade is refused."""
    try:
        async with connect(url.replace("http", "ws", 1), proxy=None, **options):
            raise AssertionError("the socket was opened")
    except InvalidStatus as refused:
        return refused


def text_of(frames: list[Frame]) -> str:
    """The reply's text, as a client puts it together."""
    pieces: list[str] = []
    for frame in frames:
        if frame["type"] == "delta":
            pieces = [] if frame.get("reset") else [*pieces, frame["content"]]
    return "".join(pieces)

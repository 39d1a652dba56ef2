"""A client of the WebSocket that never gives up a reply: it connects again and goes on where it was."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from websockets.exceptions import WebSocketException

from tests.support.chat_socket import ChatSocket, Frame, chat_socket, text_of

PATH = "/ws/chat-service"
_LOST = (WebSocketException, OSError, TimeoutError)


class PersistentTalker:
    """`replies`: the id of each reply that came to its end → its text, put together from all connections."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._token = token
        self.session_id: str | None = None
        self.replies: dict[str, str] = {}
        self.reconnections = 0
        self.out_of_order: list[str] = []
        self._asked: tuple[str, str] | None = None
        self._frames: list[Frame] = []

    async def talk(self, over: threading.Event) -> None:
        """One message after another, until `over` is set and the last reply is whole."""
        while not over.is_set() or self._asked is not None:
            with suppress(*_LOST):
                async with chat_socket(
                    self._base_url, token=self._token, session_id=self.session_id, path=PATH
                ) as socket:
                    await self._on(socket, over)
            if not over.is_set() or self._asked is not None:
                self.reconnections += 1
                await asyncio.sleep(0.2)

    async def _on(self, socket: ChatSocket, over: threading.Event) -> None:
        self.session_id = (await socket.receive())["session_id"]
        while not over.is_set() or self._asked is not None:
            await self._ask_or_resume(socket)
            await self._follow(socket)

    async def _ask_or_resume(self, socket: ChatSocket) -> None:
        reply_id = next((frame["message_id"] for frame in self._frames if frame["type"] == "ack"), None)
        if reply_id is not None:
            await socket.send(type="resume", message_id=reply_id, after_seq=self._last_seq())
            return
        self._asked = self._asked or (uuid4().hex, f"Message {len(self.replies) + 1}: say good morning.")
        message_id, content = self._asked
        await socket.send(type="message", id=message_id, content=content)

    async def _follow(self, socket: ChatSocket) -> None:
        while True:
            frame = await socket.receive()
            if frame["type"] == "ack":
                self._frames.append(frame)
            elif frame["type"] in {"delta", "done", "error"} and "seq" in frame:
                if frame["seq"] != self._last_seq() + 1:
                    self.out_of_order.append(f"{frame['seq']} after {self._last_seq()}")
                self._frames.append(frame)
            if frame["type"] in {"done", "error"}:
                self._finish(frame)
                return

    def _last_seq(self) -> int:
        return max((frame["seq"] for frame in self._frames if "seq" in frame), default=0)

    def _finish(self, last: Frame) -> None:
        if last["type"] == "done":
            self.replies[last["message_id"]] = text_of(self._frames)
        self._frames, self._asked = [], None


@contextmanager
def talking(talker: PersistentTalker) -> Iterator[None]:
    """In a thread of its own, while the block lasts and until its last reply is whole."""
    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(talker.talk(over)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=180)

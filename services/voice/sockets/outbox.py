"""What is on its way to a socket's client, in order. Audio waits for room; what is told never does."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from services.common.sockets.wire import Wire

Frame = Mapping[str, Any]
_AHEAD_MAX = 64
"""Frames that may be waiting before a giver of audio has to."""
_TOLD_MAX = 4096
"""A client that lets so much pile up is not reading; the wire gives it up soon."""


class Outbox:
    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    def tell(self, frame: Frame) -> None:
        if len(self._frames) < _TOLD_MAX:
            self._frames.append(frame)
        self._changed.set()

    async def give(self, frame: Frame) -> None:
        while len(self._frames) >= _AHEAD_MAX:
            self._room.clear()
            await self._room.wait()
        self.tell(frame)

    def discard(self, unwanted: Callable[[Frame], bool]) -> None:
        """Takes back what has not left."""
        self._frames = deque(frame for frame in self._frames if not unwanted(frame))
        self._room.set()

    async def run(self, wire: Wire) -> None:
        """Sends until it is cancelled. Raises PeerGone."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._frames:
                await wire.send(self._frames.popleft())
                self._room.set()

    async def flush(self, wire: Wire) -> None:
        """What is left, once `run` has ended. Raises PeerGone."""
        while self._frames:
            await wire.send(self._frames.popleft())

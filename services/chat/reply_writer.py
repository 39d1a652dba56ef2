"""Brings a reply to the store while the model goes on writing it. Called by generation.py.

Readers on this process see a piece at once. The store gets it a moment later: what comes while one write
is under way goes along with the next, so a slow store makes larger writes, not a slower reply.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from services.chat.feeds import ReplyFeed
from services.chat.patience import patiently
from services.chat.store.records import Delta, Lease, Reset
from services.chat.store.seam import ConversationStore

_GATHER_SECONDS = 0.005
"""From a piece to its write: the readers here go first, and what comes meanwhile goes along."""


class CancelRequested(Exception):
    """The reader asked for the reply to stop."""


class ReplyWriter:
    """`patience_seconds`: how long the store may be away in mid-reply before the reply is given up."""

    def __init__(
        self,
        store: ConversationStore,
        lease: Lease,
        feed: ReplyFeed,
        *,
        heartbeat_seconds: float,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deltas = 0
        self._store = store
        self._lease = lease
        self._feed = feed
        self._heartbeat_seconds = heartbeat_seconds
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._pieces: list[str] = []
        self._unsent: list[Delta | Reset] = []
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def content(self) -> str:
        return "".join(self._pieces)

    def delta(self, content: str) -> None:
        self._pieces.append(content)
        self.deltas += 1
        self._take(Delta(self._feed.last_seq + 1, content))

    def reset(self) -> None:
        if self._pieces:
            self._pieces.clear()
            self._take(Reset(self._feed.last_seq + 1))

    def wake(self) -> None:
        """Ask the store now: it may know of a cancellation."""
        self._woken.set()

    def close(self) -> None:
        """No more is coming: `keep` ends once the store has it all."""
        self._closing.set()
        self._woken.set()

    async def keep(self) -> None:
        """Writes until closed, and renews the lease.

        Raises CancelRequested, LeaseLost, and StoreUnavailable when patience is at its end.
        """
        while not (self._closing.is_set() and not self._unsent):
            await _within(self._heartbeat_seconds, self._woken)
            await _within(_GATHER_SECONDS, self._closing)
            self._woken.clear()
            await self._write()

    async def _write(self) -> None:
        batch, self._unsent = self._unsent, []
        cancelled = await patiently(
            lambda: self._store.append(self._lease, batch), self._patience_seconds, self._clock
        )
        if cancelled and not self._closing.is_set():
            raise CancelRequested

    def _take(self, entry: Delta | Reset) -> None:
        self._feed.publish(entry)
        self._unsent.append(entry)
        self._woken.set()


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Waits for the event, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

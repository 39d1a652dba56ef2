"""A reply as this process knows it, entry by entry. Any number of readers, each at its own pace.

A reader holds a position, not a queue: one that is slow, or never reads, costs nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

from services.chat.store.records import Completed, Delta, Ending, Failed, ReplyEntry, Reset


class ReplyFeed:
    """Entries have the seqs 1, 2, 3, …; the last one is the ending."""

    def __init__(self, owner: str, reply_id: str, entries: Iterable[ReplyEntry] = ()) -> None:
        self.owner = owner
        self.reply_id = reply_id
        self.wanted = True
        """False once it was read and every reader has gone."""
        self._readers = 0
        self._entries: list[ReplyEntry] = list(entries)
        self._changed = asyncio.Event()

    @property
    def last_seq(self) -> int:
        return len(self._entries)

    @property
    def ending(self) -> Ending | None:
        last = self._entries[-1] if self._entries else None
        return last if isinstance(last, Completed | Failed) else None

    def publish(self, entry: ReplyEntry) -> None:
        """Takes the next entry; one that is known already, or comes after the ending, is passed over."""
        if entry.seq == self.last_seq + 1 and self.ending is None:
            self._entries.append(entry)
            self._changed.set()
            self._changed = asyncio.Event()

    async def after(self, seq: int) -> AsyncGenerator[ReplyEntry, None]:
        """The entries after this seq, as they come, up to the ending."""
        self._readers += 1
        self.wanted = True
        try:
            while True:
                while seq < self.last_seq:
                    entry = self._entries[seq]
                    seq += 1
                    yield entry
                if self.ending is not None:
                    return
                await self._changed.wait()
        finally:
            self._readers -= 1
            self.wanted = self._readers > 0


@dataclass(frozen=True, slots=True)
class WholeReply:
    content: str
    ending: Ending


async def whole(feed: ReplyFeed) -> WholeReply:
    """Waits for the ending; what a reset made void is left out."""
    pieces: list[str] = []
    async for entry in feed.after(0):
        match entry:
            case Delta(_, content):
                pieces.append(content)
            case Reset():
                pieces.clear()
            case Completed() | Failed():
                return WholeReply("".join(pieces), entry)
    raise AssertionError("a feed ends with an ending")

"""Follows replies that another process writes, through their streams in the store.

One task reads all of them with one blocking call, so a thousand readers cost one connection.
"""

import asyncio
import time
from collections.abc import Callable

from services.chat.feeds import ReplyFeed
from services.chat.problems import ReplyNotFound, StoreUnavailable, problem_facts
from services.chat.store.records import Failed
from services.chat.store.seam import ConversationStore
from services.common.problems import ProblemError

_WAIT_SECONDS = 0.1
"""A reply that joins waits at most so long for the call under way to end."""
_CHECK_SECONDS = 1.0
"""A stream that is quiet for so long is asked whether its writer lives."""


class ReplyFollower:
    """`patience_seconds`: how long the store may be away before the readers are told."""

    def __init__(
        self,
        store: ConversationStore,
        *,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._feeds: dict[str, ReplyFeed] = {}
        self._checked_at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def follow(self, owner: str, reply_id: str) -> ReplyFeed:
        """A feed with all that was written so far, and what comes. Raises ReplyNotFound."""
        record = await self._store.reply(owner, reply_id)
        feed = self._feeds.get(reply_id)
        if feed is None or feed.ending is not None:
            feed = ReplyFeed(owner, reply_id)
            if record.last_seq:
                await self._catch_up(feed)
            if feed.ending is None:
                self._join(feed)
        feed.wanted = True  # its reader is on the way: not to be dropped for the last one that left
        return feed

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _catch_up(self, feed: ReplyFeed) -> None:
        found = await self._store.entries({feed.reply_id: 0}, 0)
        for entry in found.get(feed.reply_id, ()):
            feed.publish(entry)

    def _join(self, feed: ReplyFeed) -> None:
        self._feeds[feed.reply_id] = feed
        self._checked_at[feed.reply_id] = self._clock()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read_all())

    async def _read_all(self) -> None:
        away_since: float | None = None
        while self._feeds:
            try:
                await self._read_once()
                away_since = None
            except StoreUnavailable as problem:
                away_since = self._clock() if away_since is None else away_since
                if self._clock() - away_since >= self._patience_seconds:
                    self._give_up(problem)
                await asyncio.sleep(_WAIT_SECONDS)

    async def _read_once(self) -> None:
        found = await self._store.entries(
            {reply_id: feed.last_seq for reply_id, feed in self._feeds.items()}, _WAIT_SECONDS
        )
        now = self._clock()
        for reply_id, entries in found.items():
            self._checked_at[reply_id] = now
            for entry in entries:
                self._feeds[reply_id].publish(entry)
        for reply_id in [key for key, at in self._checked_at.items() if now - at >= _CHECK_SECONDS]:
            await self._check(self._feeds[reply_id])
        self._drop_ended()

    async def _check(self, feed: ReplyFeed) -> None:
        """A writer that died is found out by this; the stream then has the ending."""
        self._checked_at[feed.reply_id] = self._clock()
        try:
            await self._store.reply(feed.owner, feed.reply_id)
        except ReplyNotFound as problem:
            _fail(feed, problem)

    def _drop_ended(self) -> None:
        for reply_id, feed in list(self._feeds.items()):
            if feed.ending is not None or not feed.wanted:
                del self._feeds[reply_id], self._checked_at[reply_id]

    def _give_up(self, problem: ProblemError) -> None:
        for feed in self._feeds.values():
            _fail(feed, problem)
        self._drop_ended()


def _fail(feed: ReplyFeed, problem: ProblemError) -> None:
    feed.publish(Failed(feed.last_seq + 1, problem_facts(problem)))

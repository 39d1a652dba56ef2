"""The replies that this process is writing. Each runs in a task of its own, past the socket that asked."""

import asyncio

from services.chat.feeds import ReplyFeed
from services.chat.generation import Generation, GenerationParts, Wanted
from services.chat.store.records import Lease, Turn


class Generator:
    def __init__(self, parts: GenerationParts) -> None:
        self.admission = parts.admission
        self._parts = parts
        self._writing: dict[str, Generation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, turn: Turn, lease: Lease, wanted: Wanted) -> ReplyFeed:
        """Begins to write; the feed has the reply as it comes."""
        generation = Generation(turn, lease, wanted, self._parts)
        self._writing[turn.reply_id] = generation
        task = asyncio.create_task(self._run(turn.reply_id, generation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return generation.feed

    def feed(self, reply_id: str) -> ReplyFeed | None:
        """The feed of a reply that is being written here."""
        generation = self._writing.get(reply_id)
        return generation.feed if generation else None

    def wake(self, reply_id: str) -> None:
        """A cancellation was left in the store: look at once, if the reply is written here."""
        if reply_id in self._writing:
            self._writing[reply_id].wake()

    async def aclose(self, grace_seconds: float) -> None:
        """Lets replies under way end, then fails what is left, so that nobody waits for it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, reply_id: str, generation: Generation) -> None:
        try:
            await generation.run()
        finally:
            del self._writing[reply_id]

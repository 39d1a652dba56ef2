"""The use case: a message goes in, a reply comes out, both are kept. Knows no HTTP and no Redis."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.chat.feeds import ReplyFeed, whole
from services.chat.following import ReplyFollower
from services.chat.generation import Wanted
from services.chat.generator import Generator
from services.chat.metrics import ChatMetrics
from services.chat.problems import ReplyNotFound
from services.chat.store.records import Completed, Delta, Lease, NewTurn, StoredMessage, Turn, TurnOutcome
from services.chat.store.seam import ConversationStore
from services.common.problems import Overloaded

_TITLE_CHARS = 60
_ENDING_SECONDS = 10.0
"""For the writer of a cancelled reply to notice, wherever it is."""


@dataclass(frozen=True, slots=True)
class Question:
    """A user's message. Without a session a new one is begun; `message_id` or the key make it repeatable."""

    content: str
    session_id: str | None = None
    message_id: str | None = None
    model: str | None = None
    idempotency_key: str | None = None
    instructions: str | None = None
    """In place of the house's system prompt, for this reply alone."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A stored message, and the feed of its reply."""

    turn: Turn
    feed: ReplyFeed


class Conversation:
    def __init__(
        self,
        store: ConversationStore,
        generator: Generator,
        follower: ReplyFollower,
        metrics: ChatMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._generator = generator
        self._follower = follower
        self._metrics = metrics
        self._clock = clock

    async def ask(self, owner: str, question: Question) -> Exchange:
        """Returns once the message is kept. The same id or key again leads to the same reply.

        Raises what `ConversationStore.begin` does, and Overloaded before anything is stored.
        """
        started = self._clock()
        self._refuse_overload()
        lease = new_lease()
        turn = await self.store.begin(_new_turn(owner, question), lease)
        self._metrics.acknowledged(self._clock() - started)
        return Exchange(turn, await self._feed(turn, lease, Wanted(question.model, question.instructions)))

    async def retry(self, owner: str, session_id: str, message_id: str, model: str | None) -> Exchange:
        """Has a message answered that is kept unanswered. Raises as `ConversationStore.retry` does."""
        self._refuse_overload()
        lease = new_lease()
        turn = await self.store.retry(owner, session_id, message_id, lease)
        return Exchange(turn, await self._feed(turn, lease, Wanted(model)))

    async def follow(self, owner: str, reply_id: str) -> ReplyFeed:
        """The feed of a reply, wherever it is written. Raises ReplyNotFound."""
        local = self._generator.feed(reply_id)
        if local is None:
            return await self._follower.follow(owner, reply_id)
        if local.owner != owner:
            raise ReplyNotFound
        return local

    async def cancel(self, owner: str, reply_id: str) -> None:
        """Raises ReplyNotFound."""
        await self.store.cancel(owner, reply_id)
        self._generator.wake(reply_id)

    async def keep_heard(self, owner: str, session_id: str, reply_id: str, characters: int) -> StoredMessage:
        """A reply that was spoken and cut off: the history keeps what was heard of it. One under way ends.

        Raises SessionNotFound, MessageNotFound (also where it ended before its first word), Overloaded.
        """
        await self._end(owner, reply_id)
        await self.store.keep_heard(owner, session_id, reply_id, characters)
        return await self.store.message(owner, session_id, reply_id)

    async def _end(self, owner: str, reply_id: str) -> None:
        try:
            feed = await self.follow(owner, reply_id)
        except ReplyNotFound:  # its stream has expired: it ended long ago
            return
        if feed.ending is None:
            await self.cancel(owner, reply_id)
            async with asyncio.timeout(_ENDING_SECONDS):
                await whole(feed)

    def _refuse_overload(self) -> None:
        admission = self._generator.admission
        if admission.full:
            raise Overloaded(
                "Every model is busy. Try again in a moment.",
                retry_after_seconds=admission.retry_after_seconds(),
            )

    async def _feed(self, turn: Turn, lease: Lease, wanted: Wanted) -> ReplyFeed:
        if turn.outcome is TurnOutcome.BEGUN:
            return self._generator.start(turn, lease, wanted)
        try:
            return await self.follow(turn.owner, turn.reply_id)
        except ReplyNotFound:
            if turn.outcome is TurnOutcome.RUNNING:
                raise
        return await self._kept(turn)

    async def _kept(self, turn: Turn) -> ReplyFeed:
        """A reply whose stream has expired, out of the history, in one piece."""
        reply = await self.store.message(turn.owner, turn.session_id, turn.reply_id)
        if reply.facts is None:
            raise ReplyNotFound
        ending = Completed(2, reply.facts, reply.created_at)
        return ReplyFeed(turn.owner, turn.reply_id, [Delta(1, reply.content), ending])


def new_lease() -> Lease:
    return Lease(reply_id=secrets.token_hex(12), worker=secrets.token_hex(12))


def new_session_id() -> str:
    return secrets.token_hex(12)


def _new_turn(owner: str, question: Question) -> NewTurn:
    asked = f"{question.model or ''}\n{question.content}"
    return NewTurn(
        owner=owner,
        session_id=question.session_id or new_session_id(),
        message_id=question.message_id or secrets.token_hex(12),
        content=question.content,
        title=_title(question.content),
        fingerprint=hashlib.sha256(asked.encode()).hexdigest()[:32],
        idempotency_key=question.idempotency_key,
        session_is_named=question.session_id is not None,
    )


def _title(content: str) -> str:
    words = " ".join(content[: 4 * _TITLE_CHARS].split())
    return words if len(words) <= _TITLE_CHARS else words[: _TITLE_CHARS - 1].rstrip() + "…"

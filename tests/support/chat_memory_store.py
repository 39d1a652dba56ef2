"""The conversation store as a dictionary: for tests that are not about Redis. Held to the same contract."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.chat.problems import (
    IdempotencyKeyReused,
    MessageNotFound,
    ReplyInterrupted,
    ReplyNotFound,
    SessionNotFound,
    StoreUnavailable,
    TooManySessions,
    problem_facts,
)
from services.chat.store.records import (
    PROMPT_MESSAGES_MAX,
    Completed,
    Delta,
    Failed,
    HistoryPage,
    Lease,
    MessageStatus,
    NewTurn,
    ReplyEntry,
    ReplyFacts,
    ReplyRecord,
    Reset,
    SessionSummary,
    StoredMessage,
    StoreLimits,
    Turn,
    TurnOutcome,
)
from services.chat.store.redis_reading import as_heard, too_many_generations, too_many_messages
from services.chat.store.seam import LeaseLost
from services.common.circuit_breaker import BreakerState


@dataclass
class _Session:
    owner: str
    title: str
    created_at: float
    updated_at: float
    messages: list[StoredMessage] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)


@dataclass
class _Reply:
    turn: Turn
    session: _Session
    worker: str
    lease_until: float
    entries: list[ReplyEntry] = field(default_factory=list)
    ended: bool = False
    cancel: bool = False
    completed_at: float | None = None

    @property
    def last_seq(self) -> int:
        return self.entries[-1].seq if self.entries else 0


class MemoryStore:
    """`away = True` makes every call fail as a Redis that does not answer would."""

    def __init__(self, limits: StoreLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.away = False
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._replies: dict[str, _Reply] = {}
        self._once: dict[tuple[str, str], tuple[str, str]] = {}
        self._taken_once: dict[str, tuple[str, float]] = {}
        self._places: dict[tuple[str, str], float] = {}
        self._sent: dict[str, list[float]] = {}
        self._changed = asyncio.Event()

    @property
    def breaker_state(self) -> BreakerState:
        return BreakerState.OPEN if self.away else BreakerState.CLOSED

    async def begin(self, turn: NewTurn, lease: Lease) -> Turn:
        self._present()
        session_id, message_id = self._followed(turn)
        session = self._sessions.get(session_id)
        if session is not None and session.owner != turn.owner:
            raise SessionNotFound
        if session is not None and (stored := _find(session, message_id)) is not None:
            if session.fingerprints.get(message_id) != turn.fingerprint:
                raise IdempotencyKeyReused
            return await self._with_history(self._again(turn.owner, session_id, stored, lease))
        return await self._with_history(self._store(turn, session, lease))

    async def retry(self, owner: str, session_id: str, message_id: str, lease: Lease) -> Turn:
        stored = await self.message(owner, session_id, message_id)
        if stored.role != "user":
            raise IdempotencyKeyReused
        return await self._with_history(self._again(owner, session_id, stored, lease))

    async def append(self, lease: Lease, entries: Sequence[Delta | Reset]) -> bool:
        reply = self._writable(lease)
        reply.entries += [entry for entry in entries if entry.seq > reply.last_seq]
        reply.lease_until = self._clock() + self.limits.lease_seconds
        self._notify()
        return reply.cancel

    async def complete(self, lease: Lease, content: str, facts: ReplyFacts) -> float:
        self._present()
        known = self._replies.get(lease.reply_id)
        if known is not None and known.worker == lease.worker and known.completed_at is not None:
            return known.completed_at
        reply, now = self._writable(lease), self._clock()
        session, turn = reply.session, reply.turn
        self._set_status(reply, MessageStatus.ANSWERED if content else MessageStatus.UNANSWERED)
        if content:
            cut = facts.finish_reason == "cancelled"
            status = MessageStatus.CANCELLED if cut else MessageStatus.COMPLETE
            session.messages.append(
                StoredMessage(turn.reply_id, "assistant", content, now, status, None, turn.message_id, facts)
            )
            self._trim(session)
        session.updated_at = reply.completed_at = now
        self._end(reply, Completed(reply.last_seq + 1, facts, now))
        return now

    async def fail(self, lease: Lease, problem: Mapping[str, object]) -> None:
        self._present()
        reply = self._replies.get(lease.reply_id)
        if reply is not None and not reply.ended and reply.worker == lease.worker:
            self._fail(reply, problem)

    async def cancel(self, owner: str, reply_id: str) -> None:
        self._owned_reply(owner, reply_id).cancel = True

    async def reply(self, owner: str, reply_id: str) -> ReplyRecord:
        self._settle(reply_id)
        reply = self._owned_reply(owner, reply_id)
        turn = reply.turn
        return ReplyRecord(reply_id, turn.session_id, turn.message_id, reply.last_seq, reply.ended)

    async def entries(self, after: Mapping[str, int], wait_seconds: float) -> Mapping[str, list[ReplyEntry]]:
        self._present()
        found = self._entries_after(after)
        if not found and wait_seconds > 0:
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._changed.wait()
            except TimeoutError:
                return {}
            found = self._entries_after(after)
        return found

    async def message(self, owner: str, session_id: str, message_id: str) -> StoredMessage:
        self._present()
        stored = _find(self._owned(owner, session_id), message_id)
        if stored is None:
            raise MessageNotFound
        return _as_heard(self._owned(owner, session_id), stored)

    async def keep_heard(self, owner: str, session_id: str, reply_id: str, characters: int) -> None:
        self._present()
        session = self._owned(owner, session_id)
        stored = _find(session, reply_id)
        if stored is None or stored.role != "assistant":
            raise MessageNotFound
        session.heard[reply_id] = characters

    async def history(
        self,
        owner: str,
        session_id: str,
        *,
        before: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> HistoryPage:
        self._present()
        session = self._owned(owner, session_id)
        for message in list(session.messages):
            if message.status is MessageStatus.PENDING and message.reply_id is not None:
                self._settle(message.reply_id)
        messages = [_as_heard(session, message) for message in session.messages]
        if after is not None:
            rest = messages[_position(session, after) + 1 :] if after else messages
            return HistoryPage(_summary(session_id, session), rest[:limit], len(rest) > limit)
        rest = messages if before is None else messages[: _position(session, before)]
        return HistoryPage(_summary(session_id, session), rest[-limit:], len(rest) > limit)

    async def sessions(
        self, owner: str, *, before: str | None = None, limit: int
    ) -> tuple[Sequence[SessionSummary], bool]:
        self._present()
        mine = [(key, value) for key, value in self._sessions.items() if value.owner == owner]
        mine.sort(key=lambda item: (item[1].updated_at, item[0]), reverse=True)
        if before is not None:
            self._owned(owner, before)
            mine = mine[[key for key, _ in mine].index(before) + 1 :]
        return [_summary(key, value) for key, value in mine[:limit]], len(mine) > limit

    async def owns(self, owner: str, session_id: str) -> bool:
        self._present()
        return session_id in self._sessions and bool(self._owned(owner, session_id))

    async def rename(self, owner: str, session_id: str, title: str) -> SessionSummary:
        self._present()
        session = self._owned(owner, session_id)
        session.title = title
        return _summary(session_id, session)

    async def delete(self, owner: str, session_id: str) -> None:
        self._present()
        session = self._owned(owner, session_id)
        del self._sessions[session_id]
        self._replies = {key: reply for key, reply in self._replies.items() if reply.session is not session}

    async def occupy(self, owner: str, place: str, seconds: float) -> None:
        self._present()
        self._refuse_excess(owner)
        self._places[owner, place] = self._clock() + seconds

    async def vacate(self, owner: str, place: str) -> None:
        self._present()
        self._places.pop((owner, place), None)

    async def put_once(self, token: str, value: str, ttl_seconds: float) -> None:
        self._present()
        self._taken_once[token] = (value, self._clock() + ttl_seconds)

    async def take_once(self, token: str) -> str | None:
        self._present()
        value, expires_at = self._taken_once.pop(token, (None, 0.0))
        return value if self._clock() < expires_at else None

    async def ping(self) -> None:
        self._present()

    async def aclose(self) -> None:
        pass

    def _present(self) -> None:
        if self.away:
            raise StoreUnavailable

    def _followed(self, turn: NewTurn) -> tuple[str, str]:
        known = self._once.get((turn.owner, turn.idempotency_key or ""))
        session = self._sessions.get(known[0]) if known else None
        if known is None or session is None or session.owner != turn.owner or not _find(session, known[1]):
            return turn.session_id, turn.message_id
        if turn.session_is_named and known[0] != turn.session_id:
            raise IdempotencyKeyReused
        return known

    def _store(self, turn: NewTurn, session: _Session | None, lease: Lease) -> Turn:
        self._refuse_excess(turn.owner)
        now = self._clock()
        if session is None:
            if sum(kept.owner == turn.owner for kept in self._sessions.values()) >= self.limits.sessions_max:
                raise TooManySessions(self.limits.sessions_max)
            session = self._sessions[turn.session_id] = _Session(turn.owner, turn.title, now, now)
        stored = StoredMessage(turn.message_id, "user", turn.content, now, MessageStatus.PENDING)
        session.messages.append(stored)
        session.fingerprints[turn.message_id] = turn.fingerprint
        if turn.idempotency_key is not None:
            self._once[turn.owner, turn.idempotency_key] = (turn.session_id, turn.message_id)
        begun = self._reserve(turn.owner, turn.session_id, stored, lease, duplicate=False)
        self._trim(session)
        return begun

    async def _with_history(self, turn: Turn) -> Turn:
        if turn.outcome is not TurnOutcome.BEGUN:
            return turn
        page = await self.history(
            turn.owner, turn.session_id, before=turn.message_id, limit=PROMPT_MESSAGES_MAX
        )
        return replace(turn, history=page.messages)

    def _again(self, owner: str, session_id: str, stored: StoredMessage, lease: Lease) -> Turn:
        if stored.role != "user":
            raise IdempotencyKeyReused
        assert stored.reply_id is not None
        if stored.status is MessageStatus.ANSWERED:
            return _turn(TurnOutcome.ANSWERED, owner, session_id, stored, stored.reply_id, duplicate=True)
        self._settle(stored.reply_id)
        reply = self._replies.get(stored.reply_id)
        if reply is not None and not reply.ended:
            ours = reply.worker == lease.worker
            outcome = TurnOutcome.BEGUN if ours else TurnOutcome.RUNNING
            return _turn(outcome, owner, session_id, stored, stored.reply_id, duplicate=not ours)
        self._refuse_excess(owner)
        return self._reserve(owner, session_id, stored, lease, duplicate=True)

    def _reserve(
        self, owner: str, session_id: str, stored: StoredMessage, lease: Lease, *, duplicate: bool
    ) -> Turn:
        turn = _turn(TurnOutcome.BEGUN, owner, session_id, stored, lease.reply_id, duplicate=duplicate)
        session, now = self._sessions[session_id], self._clock()
        reply = _Reply(turn, session, lease.worker, now + self.limits.lease_seconds)
        self._replies[lease.reply_id] = reply
        session.updated_at = now
        self._replace(session, replace(stored, status=MessageStatus.PENDING, reply_id=lease.reply_id))
        return turn

    def _refuse_excess(self, owner: str) -> None:
        now, limits = self._clock(), self.limits
        active = sum(
            reply.turn.owner == owner and not reply.ended and reply.lease_until > now
            for reply in self._replies.values()
        )
        active += sum(place[0] == owner and until > now for place, until in self._places.items())
        if active >= limits.generations_max:
            raise too_many_generations(limits)
        recent = [at for at in self._sent.get(owner, []) if at > now - 60]
        if len(recent) >= limits.messages_per_minute:
            raise too_many_messages(limits, recent[0] + 60 - now)
        self._sent[owner] = [*recent, now]

    def _writable(self, lease: Lease) -> _Reply:
        self._present()
        reply = self._replies.get(lease.reply_id)
        if reply is None or reply.ended or reply.worker != lease.worker:
            raise LeaseLost
        if reply.lease_until <= self._clock():
            raise LeaseLost
        return reply

    def _settle(self, reply_id: str) -> None:
        reply = self._replies.get(reply_id)
        if reply is not None and not reply.ended and reply.lease_until <= self._clock():
            self._fail(reply, problem_facts(ReplyInterrupted()))

    def _fail(self, reply: _Reply, problem: Mapping[str, object]) -> None:
        self._set_status(reply, MessageStatus.UNANSWERED)
        self._end(reply, Failed(reply.last_seq + 1, dict(problem)))

    def _end(self, reply: _Reply, ending: Completed | Failed) -> None:
        reply.entries.append(ending)
        reply.ended = True
        self._notify()

    def _set_status(self, reply: _Reply, status: MessageStatus) -> None:
        stored = _find(reply.session, reply.turn.message_id)
        if stored is not None and stored.reply_id == reply.turn.reply_id:
            self._replace(reply.session, replace(stored, status=status))

    def _replace(self, session: _Session, changed: StoredMessage) -> None:
        session.messages[_position(session, changed.message_id)] = changed

    def _trim(self, session: _Session) -> None:
        del session.messages[: max(0, len(session.messages) - self.limits.history_messages_max)]

    def _owned(self, owner: str, session_id: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or session.owner != owner:
            raise SessionNotFound
        return session

    def _owned_reply(self, owner: str, reply_id: str) -> _Reply:
        self._present()
        reply = self._replies.get(reply_id)
        if reply is None or reply.turn.owner != owner:
            raise ReplyNotFound
        return reply

    def _entries_after(self, after: Mapping[str, int]) -> dict[str, list[ReplyEntry]]:
        new = {
            reply_id: [entry for entry in self._replies[reply_id].entries if entry.seq > seq]
            for reply_id, seq in after.items()
            if reply_id in self._replies
        }
        return {reply_id: entries for reply_id, entries in new.items() if entries}

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _turn(
    outcome: TurnOutcome,
    owner: str,
    session_id: str,
    stored: StoredMessage,
    reply_id: str,
    *,
    duplicate: bool,
) -> Turn:
    return Turn(
        outcome,
        owner,
        session_id,
        stored.message_id,
        reply_id,
        stored.content,
        stored.created_at,
        duplicate=duplicate,
    )


def _find(session: _Session, message_id: str) -> StoredMessage | None:
    return next((message for message in session.messages if message.message_id == message_id), None)


def _as_heard(session: _Session, message: StoredMessage) -> StoredMessage:
    """As much of a reply as was heard, where somebody said how much that was."""
    if message.message_id not in session.heard:
        return message
    content = as_heard(message.content, session.heard[message.message_id])
    cut = content != message.content
    return replace(message, content=content, status=MessageStatus.CANCELLED if cut else message.status)


def _position(session: _Session, message_id: str) -> int:
    for position, message in enumerate(session.messages):
        if message.message_id == message_id:
            return position
    raise MessageNotFound


def _summary(session_id: str, session: _Session) -> SessionSummary:
    return SessionSummary(
        session_id, session.title, session.created_at, session.updated_at, len(session.messages)
    )

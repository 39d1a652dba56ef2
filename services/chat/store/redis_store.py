"""Conversations in Redis: a stream for each session, one for each reply, one script for each change.

The scripts in lua/ are the transactions; docs/chat.md has the keys. For one Redis, not a cluster.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.chat.problems import ReplyInterrupted, problem_facts
from services.chat.store import redis_reading as reading
from services.chat.store.records import (
    PROMPT_MESSAGES_MAX,
    Delta,
    HistoryPage,
    Lease,
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
from services.chat.store.scripts import StoreScripts
from services.common.circuit_breaker import BreakerState
from services.common.redis_connection import RedisConnection
from services.common.tickets import ticket_key

_MINUTE_MS = 60_000


class RedisStore:
    """`clock`: seconds since the epoch, for tests; None: the server's, so that replicas cannot disagree."""

    def __init__(
        self, connection: RedisConnection, limits: StoreLimits, clock: Callable[[], float] | None = None
    ) -> None:
        self.limits = limits
        self._redis = connection
        self._scripts = StoreScripts(connection)
        self._clock = clock
        self._interrupted = json.dumps(problem_facts(ReplyInterrupted()))

    async def begin(self, turn: NewTurn, lease: Lease) -> Turn:
        mode = "named" if turn.session_is_named else "new"
        return await self._begin(turn, lease, mode)

    async def retry(self, owner: str, session_id: str, message_id: str, lease: Lease) -> Turn:
        turn = NewTurn(owner, session_id, message_id, content="", title="", fingerprint="")
        return await self._begin(turn, lease, "retry")

    async def append(self, lease: Lease, entries: Sequence[Delta | Reset]) -> bool:
        first_seq = entries[0].seq if entries else 0
        fields = [part for entry in entries for part in reading.entry_fields(entry)]
        answer = await self._run(
            "append", lease.reply_id, lease.worker, self._lease_ms, self._reply_ttl_ms, first_seq, *fields
        )
        return bool(answer[1])

    async def complete(self, lease: Lease, content: str, facts: ReplyFacts) -> float:
        answer = await self._run(
            "complete",
            lease.reply_id,
            lease.worker,
            content,
            reading.facts_json(facts),
            self.limits.history_messages_max,
            _ms(self.limits.history_ttl_seconds),
            self._reply_ttl_ms,
        )
        return reading.seconds(answer[1])

    async def fail(self, lease: Lease, problem: Mapping[str, object]) -> None:
        await self._run("fail", lease.reply_id, lease.worker, json.dumps(problem), self._reply_ttl_ms)

    async def cancel(self, owner: str, reply_id: str) -> None:
        await self._run("cancel", _user(owner), reply_id)

    async def reply(self, owner: str, reply_id: str) -> ReplyRecord:
        found = await self._run("reply", _user(owner), reply_id, self._interrupted, self._reply_ttl_ms)
        return ReplyRecord(reply_id, found[1], found[2], int(found[3]), bool(found[4]))

    async def entries(self, after: Mapping[str, int], wait_seconds: float) -> Mapping[str, list[ReplyEntry]]:
        streams: dict[Any, Any] = {_deltas_key(reply_id): f"{seq}-0" for reply_id, seq in after.items()}
        found = await self._scripts.read_streams(streams, wait_seconds)
        return {
            _reply_id(key): [reading.reply_entry(entry_id, fields) for entry_id, fields in entries]
            for key, entries in found
        }

    async def message(self, owner: str, session_id: str, message_id: str) -> StoredMessage:
        _, row, state = await self._run("message", _user(owner), session_id, message_id)
        return reading.stored_message(row[1], state)

    async def keep_heard(self, owner: str, session_id: str, reply_id: str, characters: int) -> None:
        await self._run("heard", _user(owner), session_id, reply_id, characters)

    async def history(
        self,
        owner: str,
        session_id: str,
        *,
        before: str | None = None,
        after: str | None = None,
        limit: int,
    ) -> HistoryPage:
        direction, cursor = ("after", after) if after is not None else ("before", before or "")
        _, session, rows, states, more = await self._run(
            "history",
            _user(owner),
            session_id,
            direction,
            cursor,
            limit,
            self._interrupted,
            self._reply_ttl_ms,
        )
        messages = reading.stored_messages(rows, states)
        if direction == "before":
            messages.reverse()
        return HistoryPage(reading.session_summary(session), messages, bool(more))

    async def sessions(
        self, owner: str, *, before: str | None = None, limit: int
    ) -> tuple[Sequence[SessionSummary], bool]:
        ttl_ms = _ms(self.limits.history_ttl_seconds)
        _, rows, more = await self._run("sessions", _user(owner), before or "", limit, ttl_ms)
        return [reading.session_summary(row) for row in rows], bool(more)

    async def owns(self, owner: str, session_id: str) -> bool:
        [whose] = await self._run("owns", _user(owner), session_id)
        return bool(whose == "mine")

    async def rename(self, owner: str, session_id: str, title: str) -> SessionSummary:
        answer = await self._run("rename", _user(owner), session_id, title)
        return reading.session_summary(answer[1])

    async def delete(self, owner: str, session_id: str) -> None:
        await self._run("delete", _user(owner), session_id)

    async def occupy(self, owner: str, place: str, seconds: float) -> None:
        await self._run("occupy", _user(owner), place, _ms(seconds), *self._pace)

    async def vacate(self, owner: str, place: str) -> None:
        await self._run("vacate", _user(owner), place)

    async def put_once(self, token: str, value: str, ttl_seconds: float) -> None:
        await self._redis.call(lambda: self._redis.client.set(ticket_key(token), value, px=_ms(ttl_seconds)))

    async def take_once(self, token: str) -> str | None:
        found = await self._redis.call(lambda: self._redis.client.getdel(ticket_key(token)))
        return None if found is None else str(found)

    async def ping(self) -> None:
        await self._redis.call(self._redis.client.ping)

    @property
    def breaker_state(self) -> BreakerState:
        return self._redis.breaker.state

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _begin(self, turn: NewTurn, lease: Lease, mode: str) -> Turn:
        limits, user = self.limits, _user(turn.owner)
        once = _once_key(user, turn.idempotency_key) if turn.idempotency_key is not None else ""
        answer = await self._run(
            "begin",
            *(user, turn.session_id, turn.message_id, lease.reply_id, lease.worker),
            *(turn.content, turn.title, turn.fingerprint, once, mode, secrets.token_hex(8)),
            *(self._interrupted, self._lease_ms, _ms(limits.history_ttl_seconds), self._reply_ttl_ms),
            *(_ms(limits.idempotency_ttl_seconds), limits.history_messages_max, limits.sessions_max),
            *(*self._pace, PROMPT_MESSAGES_MAX),
        )
        return _turn(answer, turn.owner)

    async def _run(self, script: str, *arguments: str | int) -> list[Any]:
        now = "" if self._clock is None else _ms(self._clock())
        answer = await self._scripts.run(script, [now, *arguments])
        refusal = reading.refused(answer, self.limits)
        if refusal is not None:
            raise refusal
        return answer

    @property
    def _pace(self) -> tuple[int, int, int]:
        limits = self.limits
        return limits.generations_max, _MINUTE_MS // limits.messages_per_minute, _MINUTE_MS

    @property
    def _lease_ms(self) -> int:
        return _ms(self.limits.lease_seconds)

    @property
    def _reply_ttl_ms(self) -> int:
        return _ms(self.limits.reply_ttl_seconds)


def _turn(answer: Sequence[Any], owner: str) -> Turn:
    outcome, session_id, message_id, reply_id, fields, duplicate, *before = answer
    entry = dict(zip(fields[::2], fields[1::2], strict=True))
    return Turn(
        outcome=TurnOutcome(outcome),
        owner=owner,
        session_id=session_id,
        message_id=message_id,
        reply_id=reply_id,
        content=entry["content"],
        created_at=reading.seconds(entry["at"]),
        duplicate=bool(duplicate),
        history=reading.stored_messages(*before)[::-1] if before else (),
    )


def _user(owner: str) -> str:
    """The owner as part of a key: a subject may hold any character, the key's own separator too."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def _once_key(scope: str, token: str) -> str:
    return f"chat:once:{scope}:{hashlib.sha256(token.encode()).hexdigest()}"


def _deltas_key(reply_id: str) -> str:
    return f"chat:reply:{reply_id}:deltas"


def _reply_id(deltas_key: str) -> str:
    return deltas_key.split(":")[2]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

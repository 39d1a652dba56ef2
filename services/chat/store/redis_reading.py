"""Turns what the scripts answer into records."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from services.chat.problems import (
    IdempotencyKeyReused,
    MessageNotFound,
    ReplyNotFound,
    SessionNotFound,
    TooManySessions,
)
from services.chat.store.records import (
    Completed,
    Delta,
    Failed,
    MessageStatus,
    ReplyEntry,
    ReplyFacts,
    Reset,
    SessionSummary,
    StoredMessage,
    StoreLimits,
)
from services.chat.store.seam import LeaseLost
from services.common.problems import TooManyRequests

_STATUS = {
    "p": MessageStatus.PENDING,
    "a": MessageStatus.ANSWERED,
    "u": MessageStatus.UNANSWERED,
    "r": MessageStatus.COMPLETE,
}


def refused(answer: Sequence[Any], limits: StoreLimits) -> Exception | None:
    """The error that a script's first word stands for; None when it went well."""
    match answer[0]:
        case "no_session":
            return SessionNotFound()
        case "no_message":
            return MessageNotFound()
        case "no_reply":
            return ReplyNotFound()
        case "reused":
            return IdempotencyKeyReused()
        case "sessions":
            return TooManySessions(limits.sessions_max)
        case "lost":
            return LeaseLost()
        case "generations":
            return too_many_generations(limits)
        case "pace":
            return too_many_messages(limits, float(answer[1]) / 1000)
    return None


def too_many_generations(limits: StoreLimits) -> TooManyRequests:
    return TooManyRequests(
        f"You have {limits.generations_max} replies under way. Wait for one to end.",
        retry_after_seconds=1.0,
        limit="generations",
    )


def too_many_messages(limits: StoreLimits, wait_seconds: float) -> TooManyRequests:
    return TooManyRequests(
        f"You may send {limits.messages_per_minute} messages a minute.",
        retry_after_seconds=wait_seconds,
        limit="messages_per_minute",
    )


def stored_message(fields: Sequence[str], state: str) -> StoredMessage:
    """`fields`: names and values by turns, as in a stream's entry. `state`: see told_state in prelude.lua."""
    entry = dict(zip(fields[::2], fields[1::2], strict=True))
    letter, reply_id, *heard = state.split("|")
    content = as_heard(entry["content"], int(heard[0])) if heard and heard[0] else entry["content"]
    is_reply = entry["role"] == "assistant"
    facts = reply_facts(json.loads(entry["facts"])) if is_reply else None
    cut = content != entry["content"] or (facts is not None and facts.finish_reason == "cancelled")
    return StoredMessage(
        message_id=entry["id"],
        role="assistant" if is_reply else "user",
        content=content,
        created_at=seconds(entry["at"]),
        status=MessageStatus.CANCELLED if cut else _STATUS[letter],
        reply_id=None if is_reply else reply_id or None,
        in_reply_to=entry.get("reply_to"),
        facts=facts,
    )


def stored_messages(rows: Sequence[Any], states: Sequence[str]) -> list[StoredMessage]:
    """In the order of a stream's rows."""
    return [stored_message(row[1], state) for row, state in zip(rows, states, strict=True)]


def as_heard(content: str, characters: int) -> str:
    return content[:characters].rstrip()


def session_summary(row: Sequence[str]) -> SessionSummary:
    return SessionSummary(row[0], row[1], seconds(row[2]), seconds(row[3]), int(row[4]))


def reply_entry(entry_id: str, fields: Mapping[str, str]) -> ReplyEntry:
    """A reply's stream has c(ontent), r(eset) and one e(nd); the entry's id is its seq."""
    seq = int(entry_id.partition("-")[0])
    if "c" in fields:
        return Delta(seq, fields["c"])
    if "r" in fields:
        return Reset(seq)
    ending = json.loads(fields["e"])
    if "facts" in ending:
        return Completed(seq, reply_facts(ending["facts"]), ending["completed"] / 1000)
    return Failed(seq, ending)


def entry_fields(entry: Delta | Reset) -> list[str | int]:
    return ["c", entry.content] if isinstance(entry, Delta) else ["r", "1"]


def facts_json(facts: ReplyFacts) -> str:
    return json.dumps(asdict(facts))


def reply_facts(found: Mapping[str, Any]) -> ReplyFacts:
    return ReplyFacts(**found)


def seconds(milliseconds: str) -> float:
    return int(milliseconds) / 1000

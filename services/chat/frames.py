"""What the service sends, over the WebSocket and as server-sent events: the same objects."""

from collections.abc import Mapping
from typing import Any

from services.chat.problems import RecordedProblem
from services.chat.store.records import (
    Completed,
    Delta,
    Failed,
    ReplyEntry,
    ReplyFacts,
    Reset,
    SessionSummary,
    StoredMessage,
    Turn,
)
from services.common.problems import ProblemError
from services.common.telemetry import current_request_id
from services.common.timestamps import rfc3339

Frame = dict[str, Any]


def ack(turn: Turn) -> Frame:
    """`id`: the user's message; `message_id`: the reply that deltas, cancel and resume speak of."""
    return {
        "type": "ack",
        "id": turn.message_id,
        "message_id": turn.reply_id,
        "session_id": turn.session_id,
        "created_at": timestamp(turn.created_at),
        "duplicate": turn.duplicate,
    }


def entry_frame(reply_id: str, entry: ReplyEntry, instance: str) -> Frame:
    """`delta`, `done` or `error`. A delta with `reset` voids the ones before it."""
    match entry:
        case Delta(seq, content):
            return {"type": "delta", "message_id": reply_id, "seq": seq, "content": content}
        case Reset(seq):
            return {"type": "delta", "message_id": reply_id, "seq": seq, "content": "", "reset": True}
        case Completed(seq, facts, created_at):
            return {
                "type": "done",
                "message_id": reply_id,
                "seq": seq,
                **facts_members(facts),
                "created_at": timestamp(created_at),
            }
        case Failed(seq, problem):
            return {**error(RecordedProblem(problem), instance, message_id=reply_id), "seq": seq}


def error(problem: ProblemError, instance: str, **members: str | None) -> Frame:
    """`members`: the id of the frame, or of the reply, that it is about."""
    body = problem.body(instance=instance, request_id=current_request_id())
    about = {name: value for name, value in members.items() if value is not None}
    return {"type": "error", **about, "problem": body}


def facts_members(facts: ReplyFacts) -> Mapping[str, Any]:
    return {
        "model": facts.model,
        "provider": facts.provider,
        "degraded": facts.degraded,
        "finish_reason": facts.finish_reason,
        "usage": {
            "prompt_tokens": facts.prompt_tokens,
            "completion_tokens": facts.completion_tokens,
            "total_tokens": facts.prompt_tokens + facts.completion_tokens,
        },
    }


def message_body(message: StoredMessage) -> Frame:
    body: Frame = {
        "id": message.message_id,
        "role": message.role,
        "content": message.content,
        "created_at": timestamp(message.created_at),
        "status": str(message.status),
    }
    if message.facts is not None:
        body |= {"in_reply_to": message.in_reply_to, **facts_members(message.facts)}
    else:
        body["reply_id"] = message.reply_id
    return body


def session_body(session: SessionSummary) -> Frame:
    return {
        "session_id": session.session_id,
        "title": session.title,
        "created_at": timestamp(session.created_at),
        "updated_at": timestamp(session.updated_at),
        "message_count": session.message_count,
    }


timestamp = rfc3339

"""POST /api/v1/chat: a message in; its reply out, whole or as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.chat import frames, sse
from services.chat.conversation import Conversation, Exchange, Question
from services.chat.feeds import whole
from services.chat.inputs import (
    IdempotencyKey,
    InstructionsText,
    MessageIdPath,
    SessionId,
    SessionIdPath,
)
from services.chat.problems import RecordedProblem
from services.chat.settings import ChatSettings
from services.chat.store.records import Failed
from services.common.admission import Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.common.inputs import MessageText, ModelName
from services.common.problems import DeadlineExceeded

router = APIRouter(prefix="/api/v1/chat", tags=["chat"])
Caller = Annotated[Principal, Depends(require_scope("chat"))]


class ChatRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: MessageText
    session_id: SessionId | None = None
    model: ModelName | None = None
    stream: bool = False
    idempotency_key: IdempotencyKey | None = None
    instructions: InstructionsText | None = None

    @property
    def question(self) -> Question:
        return Question(
            self.message,
            self.session_id,
            model=self.model,
            idempotency_key=self.idempotency_key,
            instructions=self.instructions,
        )


class RetryRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: ModelName | None = None
    stream: bool = False


class HeardRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    heard_characters: int = Field(ge=0, le=1_000_000)


@router.post("")
async def chat(request: Request, body: ChatRequest, principal: Caller) -> Response:
    """The message is kept before the first byte of the answer: who leaves finds it in the history."""
    deadline = _deadline(request)
    exchange = await _conversation(request).ask(principal.subject, body.question)
    return await _answer(request, exchange, deadline, stream=body.stream)


@router.post("/sessions/{session_id}/messages/{message_id}/retry")
async def retry(
    request: Request,
    session_id: SessionIdPath,
    message_id: MessageIdPath,
    principal: Caller,
    body: Annotated[RetryRequest, Field(default_factory=RetryRequest)],
) -> Response:
    """Has an unanswered message answered; of an answered one, gives the answer."""
    deadline = _deadline(request)
    conversation = _conversation(request)
    exchange = await conversation.retry(principal.subject, session_id, message_id, body.model)
    return await _answer(request, exchange, deadline, stream=body.stream)


@router.patch("/sessions/{session_id}/messages/{message_id}")
async def keep_heard(
    request: Request,
    session_id: SessionIdPath,
    message_id: MessageIdPath,
    body: HeardRequest,
    principal: Caller,
) -> dict[str, Any]:
    """For who speaks replies: of one that was cut off, the history keeps what was heard."""
    conversation = _conversation(request)
    kept = await conversation.keep_heard(principal.subject, session_id, message_id, body.heard_characters)
    return frames.message_body(kept)


async def _answer(request: Request, exchange: Exchange, deadline: Deadline, *, stream: bool) -> Response:
    if stream or sse.wants_events(request):
        return sse.event_stream(_events(exchange, request.url.path))
    return JSONResponse(await cancel_on_disconnect(request, _whole(exchange, deadline)))


async def _events(exchange: Exchange, instance: str) -> AsyncIterator[bytes]:
    yield sse.event(frames.ack(exchange.turn))
    async for entry in sse.with_pauses(exchange.feed.after(0)):
        if entry is None:
            yield sse.KEEP_ALIVE
        else:
            yield sse.event(frames.entry_frame(exchange.turn.reply_id, entry, instance))


async def _whole(exchange: Exchange, deadline: Deadline) -> dict[str, Any]:
    """The reply's body. Raises DeadlineExceeded, or the problem that the reply ended with."""
    turn = exchange.turn
    kept: dict[str, Any] = {"session_id": turn.session_id, "message_id": turn.message_id}
    try:
        async with asyncio.timeout(deadline.remaining_seconds):
            reply = await whole(exchange.feed)
    except TimeoutError:
        raise DeadlineExceeded(
            "The deadline passed before the reply was whole. It goes on, and will be in the history.", **kept
        ) from None
    if isinstance(reply.ending, Failed):
        raise RecordedProblem({**reply.ending.problem, **kept})
    return {
        "reply": reply.content,
        "session_id": turn.session_id,
        "message_id": turn.reply_id,
        **frames.facts_members(reply.ending.facts),
        "created_at": frames.timestamp(reply.ending.created_at),
    }


def _conversation(request: Request) -> Conversation:
    conversation: Conversation = request.app.state.conversation
    return conversation


def _deadline(request: Request) -> Deadline:
    settings: ChatSettings = request.app.state.settings
    seconds = settings.chat_deadline_seconds
    header = request.headers.get("x-request-timeout")
    return Deadline.from_header(header, default_seconds=seconds, max_seconds=seconds)

"""POST /v1/chat/completions: the model chain, as OpenAI's clients call it. Nothing is kept."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from services.chat.openai_answer import CompletionWriter
from services.chat.openai_request import CompletionRequest
from services.chat.relay import Relay
from services.chat.settings import ChatSettings
from services.common import sse, telemetry
from services.common.admission import Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.common.language_models.answering import AnswerEvent
from services.common.language_models.provider import Delta, Finished, Restarted, Started
from services.common.openai_errors import openai_body
from services.common.problems import ProblemError, ServiceUnavailable

router = APIRouter(prefix="/v1", tags=["openai"])
Events = AsyncGenerator[AnswerEvent, None]
Writing = Callable[[Started], CompletionWriter]


@router.post("/chat/completions")
async def complete(
    request: Request,
    body: CompletionRequest,
    principal: Annotated[Principal, Depends(require_scope("chat"))],
) -> Response:
    """The status waits for the first token, so that a failure before it is an error as clients know it."""
    relay: Relay = request.app.state.relay
    events = relay.answer(principal.subject, body.completion, _deadline(request))
    writing = partial(CompletionWriter, include_usage=body.include_usage, tools_left_alone=body.offers_tools)
    if not body.stream:
        return await cancel_on_disconnect(request, _whole(events, writing))
    writer = await cancel_on_disconnect(request, _begun(events, writing))
    return StreamingResponse(
        _chunks(events, writer),
        media_type="text/event-stream",
        headers={**writer.headers, "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _begun(events: Events, writing: Writing) -> CompletionWriter:
    async for event in events:
        if isinstance(event, Started):
            return writing(event)
    raise _broken_off()


async def _whole(events: Events, writing: Writing) -> Response:
    async with aclosing(events):
        writer = await _begun(events, writing)
        pieces: list[str] = []
        async for event in events:
            match event:
                case Started():
                    writer = writing(event)
                case Delta(content):
                    pieces.append(content)
                case Restarted():
                    pieces.clear()
                case Finished():
                    return JSONResponse(writer.whole("".join(pieces), event), headers=dict(writer.headers))
    raise _broken_off()


async def _chunks(events: Events, writer: CompletionWriter) -> AsyncIterator[bytes]:
    """A stream that fails midway ends with the error, which the stock client raises; [DONE] means whole.

    The opening goes along with the first words: each write of its own is one more on every hop.
    """
    opening = writer.first()
    try:
        async with aclosing(events):
            async for event in sse.with_pauses(events):
                match event:
                    case None:
                        yield sse.KEEP_ALIVE
                    case Delta(content) if content:
                        yield opening + writer.delta(content)
                        opening = b""
                    case Restarted():
                        raise _broken_off()
                    case Finished():
                        yield opening + writer.last(event)
                        return
        raise _broken_off()
    except ProblemError as problem:
        yield f"data: {sse.compact(openai_body(problem, telemetry.current_request_id()))}\n\n".encode()


def _broken_off() -> ProblemError:
    """What was sent cannot be taken back in this dialect, so no other provider can begin anew."""
    return ServiceUnavailable("The model broke off in the middle of its answer. Ask again.")


def _deadline(request: Request) -> Deadline:
    settings: ChatSettings = request.app.state.settings
    seconds = settings.chat_deadline_seconds
    header = request.headers.get("x-request-timeout")
    return Deadline.from_header(header, default_seconds=seconds, max_seconds=seconds)

"""POST /chat and POST /threads/{id}/resume: a run of the graph, its answer whole or the run as events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.agent import frames
from services.agent.agent import Agent, Question
from services.agent.events import RunFailed, RunFinished
from services.agent.routes.inputs import ThreadId, ThreadIdPath
from services.agent.run import Run
from services.agent.settings import AgentSettings
from services.common import sse
from services.common.admission import Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.common.inputs import MessageText, ModelName
from services.common.problems import ProblemError

router = APIRouter(tags=["chat"])
Caller = Annotated[Principal, Depends(require_scope("agent"))]


class ChatRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: MessageText
    thread_id: ThreadId | None = None
    model: ModelName | None = None
    stream: bool = False


class ResumeRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stream: bool = False


@router.post("/chat")
async def chat(request: Request, body: ChatRequest, principal: Caller) -> Response:
    """A client that leaves ends the run; what was written down by then can be resumed."""
    question = Question(body.message, body.thread_id, body.model)
    run = await _agent(request).ask(principal.subject, question, _deadline(request))
    return await _answer(request, run, stream=body.stream)


@router.post("/threads/{thread_id}/resume")
async def resume(
    request: Request,
    thread_id: ThreadIdPath,
    principal: Caller,
    body: Annotated[ResumeRequest, Field(default_factory=ResumeRequest)],
) -> Response:
    """Goes on with a run that was interrupted, at the node where it was, whichever colour had it."""
    run = await _agent(request).resume(principal.subject, thread_id, _deadline(request))
    return await _answer(request, run, stream=body.stream)


async def _answer(request: Request, run: Run, *, stream: bool) -> Response:
    colour = str(_settings(request).colour)
    if stream or sse.wants_events(request):
        return sse.event_stream(_events(run, request.url.path, colour))
    finished = await cancel_on_disconnect(request, _whole(run))
    return JSONResponse(frames.reply_body(run.thread_id, finished.exchange, colour))


async def _events(run: Run, instance: str, colour: str) -> AsyncIterator[bytes]:
    async for event in sse.with_pauses(run.events()):
        if event is None:
            yield sse.KEEP_ALIVE
        else:
            yield sse.event(*frames.event_frame(event, instance, colour))


async def _whole(run: Run) -> RunFinished:
    """Raises the problem that the run ended with; it names the thread, where the question is kept."""
    async for event in run.events():
        if isinstance(event, RunFinished):
            return event
        if isinstance(event, RunFailed):
            event.problem.members["thread_id"] = event.thread_id
            raise event.problem
    raise ProblemError("The run ended without a word.")


def _agent(request: Request) -> Agent:
    agent: Agent = request.app.state.agent
    return agent


def _settings(request: Request) -> AgentSettings:
    settings: AgentSettings = request.app.state.settings
    return settings


def _deadline(request: Request) -> Deadline:
    seconds = _settings(request).agent_deadline_seconds
    header = request.headers.get("x-request-timeout")
    return Deadline.from_header(header, default_seconds=seconds, max_seconds=seconds)

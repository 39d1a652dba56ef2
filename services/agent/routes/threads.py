"""GET and DELETE /threads/{id}: what a thread holds."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.agent import frames
from services.agent.agent import Agent
from services.agent.routes.inputs import ThreadIdPath
from services.common.auth import Principal, require_scope

router = APIRouter(prefix="/threads", tags=["threads"])
Caller = Annotated[Principal, Depends(require_scope("agent"))]


@router.get("/{thread_id}")
async def thread(request: Request, thread_id: ThreadIdPath, principal: Caller) -> dict[str, Any]:
    agent: Agent = request.app.state.agent
    return frames.thread_body(await agent.thread(principal.subject, thread_id))


@router.delete("/{thread_id}", status_code=204)
async def delete(request: Request, thread_id: ThreadIdPath, principal: Caller) -> Response:
    agent: Agent = request.app.state.agent
    await agent.delete(principal.subject, thread_id)
    return Response(status_code=204)

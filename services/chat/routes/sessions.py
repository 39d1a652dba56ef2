"""A user's sessions: list, history, rename, delete, export."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from services.chat import frames
from services.chat.exporting import as_json, as_markdown, export_pages
from services.chat.inputs import MessageId, SessionId, SessionIdPath, TitleText
from services.chat.store.seam import ConversationStore
from services.common.auth import Principal, require_scope

router = APIRouter(prefix="/api/v1/chat", tags=["sessions"])
Caller = Annotated[Principal, Depends(require_scope("chat"))]
Limit = Annotated[int, Query(ge=1, le=200)]


class RenameRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: TitleText


@router.get("/history/{session_id}")
async def history(
    request: Request,
    session_id: SessionIdPath,
    principal: Caller,
    before: Annotated[MessageId | None, Query()] = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Oldest first. `next_before`, where there are older ones, is the `before` of the page before this."""
    page = await _store(request).history(principal.subject, session_id, before=before, limit=limit)
    return {
        **frames.session_body(page.session),
        "messages": [frames.message_body(message) for message in page.messages],
        "has_more": page.has_more,
        "next_before": page.messages[0].message_id if page.has_more else None,
    }


@router.get("/sessions")
async def sessions(
    request: Request,
    principal: Caller,
    before: Annotated[SessionId | None, Query()] = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """The most recently used first."""
    found, more = await _store(request).sessions(principal.subject, before=before, limit=limit)
    return {
        "sessions": [frames.session_body(session) for session in found],
        "has_more": more,
        "next_before": found[-1].session_id if more else None,
    }


@router.patch("/sessions/{session_id}")
async def rename(
    request: Request, session_id: SessionIdPath, body: RenameRequest, principal: Caller
) -> dict[str, Any]:
    return frames.session_body(await _store(request).rename(principal.subject, session_id, body.title))


@router.delete("/sessions/{session_id}", status_code=204)
async def delete(request: Request, session_id: SessionIdPath, principal: Caller) -> Response:
    await _store(request).delete(principal.subject, session_id)
    return Response(status_code=204)


@router.get("/sessions/{session_id}/export")
async def export(
    request: Request,
    session_id: SessionIdPath,
    principal: Caller,
    format: Literal["json", "markdown"] = "json",  # noqa: A002 - the parameter's name is the API
) -> Response:
    """The whole session as a file, page by page."""
    store = _store(request)
    first = await store.history(principal.subject, session_id, limit=1)
    pages = export_pages(store, principal.subject, session_id)
    text: AsyncIterator[str]
    if format == "json":
        text, media_type, suffix = as_json(first.session, pages), "application/json", "json"
    else:
        text, media_type, suffix = as_markdown(first.session, pages), "text/markdown; charset=utf-8", "md"
    disposition = f'attachment; filename="{session_id}.{suffix}"'
    return StreamingResponse(text, media_type=media_type, headers={"Content-Disposition": disposition})


def _store(request: Request) -> ConversationStore:
    store: ConversationStore = request.app.state.store
    return store

"""POST /api/v1/ws-ticket: a ticket for one WebSocket."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.common.auth import Principal, require_scope
from services.common.auth.dependencies import bearer_token
from services.common.tickets import TicketOffice

router = APIRouter(prefix="/api/v1", tags=["tickets"])


@router.post("/ws-ticket", status_code=201)
async def issue_ticket(
    request: Request, _: Annotated[Principal, Depends(require_scope("chat", "voice:transcribe"))]
) -> dict[str, Any]:
    """For a socket of the chat or the voice service: which scopes it needs, that service says."""
    office: TicketOffice = request.app.state.tickets
    ticket = await office.issue(bearer_token(request.headers.get("authorization")))
    return {"ticket": ticket, "expires_in_seconds": office.ttl_seconds}

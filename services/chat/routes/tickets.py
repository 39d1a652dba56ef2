"""POST /api/v1/ws-ticket: a ticket for one WebSocket."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.chat.tickets import TicketOffice
from services.common.auth import Principal, require_scope

router = APIRouter(prefix="/api/v1", tags=["tickets"])


@router.post("/ws-ticket", status_code=201)
async def issue_ticket(
    request: Request, principal: Annotated[Principal, Depends(require_scope("chat"))]
) -> dict[str, Any]:
    office: TicketOffice = request.app.state.tickets
    return {"ticket": await office.issue(principal), "expires_in_seconds": office.ttl_seconds}

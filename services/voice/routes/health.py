"""/health: the canary. It speaks a phrase and hears it back; the answer comes from memory."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.voice.canary import Canary

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(request: Request, fresh: bool = False) -> JSONResponse:
    """503 when the last canary failed. `fresh=1` waits for a new one, at most its deadline."""
    canary: Canary = request.app.state.canary
    result = await (canary.run() if fresh else canary.latest())
    body: dict[str, Any] = {"service": "voice-interaction-service", **result.as_json()}
    return JSONResponse(body, status_code=503 if result.status == "failing" else 200)

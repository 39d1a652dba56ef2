"""/health: what the agent stands on, and its role. /version: which of the two this is."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services import __version__
from services.agent.agent import Agent
from services.agent.settings import AgentSettings
from services.common.auth import Principal, require_scope
from services.common.blue_green import RoleWatch
from services.common.circuit_breaker import BreakerState
from services.common.language_models.answering import AnswerChain

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """503 without the store. Without a model it is degraded: threads can be read."""
    state = request.app.state
    watch: RoleWatch = state.role_watch
    chain: AnswerChain = state.chain
    agent: Agent = state.agent
    providers = chain.status()
    some_model = any(breaker is not BreakerState.OPEN for breaker in providers.values())
    body: dict[str, Any] = {
        "service": state.settings.service_name,
        "status": "failing" if not watch.heard else "healthy" if some_model else "degraded",
        "colour": str(watch.colour),
        "serving": watch.serving,
        "store": "ok" if watch.heard else "does not answer",
        "providers": {name: str(breaker) for name, breaker in providers.items()},
        "runs": {"running": agent.admission.running, "waiting": agent.admission.waiting},
    }
    return JSONResponse(body, status_code=200 if watch.heard else 503)


@router.get("/version")
async def version(request: Request, _: Annotated[Principal, Depends(require_scope())]) -> dict[str, Any]:
    settings: AgentSettings = request.app.state.settings
    watch: RoleWatch = request.app.state.role_watch
    return {
        "service": settings.service_name,
        "version": __version__,
        "colour": str(watch.colour),
        "serving": watch.serving,
    }

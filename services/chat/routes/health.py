"""/health: what the service stands on, and how each part is."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.chat.generator import Generator
from services.chat.store_watch import StoreWatch
from services.common.circuit_breaker import BreakerState
from services.common.language_models.answering import AnswerChain

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """503 without the store. Without a model it is degraded: the history can be read, messages are kept."""
    state = request.app.state
    watch: StoreWatch = state.store_watch
    chain: AnswerChain = state.chain
    generator: Generator = state.generator
    providers = chain.status()
    some_model = any(breaker is not BreakerState.OPEN for breaker in providers.values())
    status = "failing" if not watch.present else "healthy" if some_model else "degraded"
    body: dict[str, Any] = {
        "service": "chat-service",
        "status": status,
        "store": "ok" if watch.present else "does not answer",
        "providers": {name: str(breaker) for name, breaker in providers.items()},
        "generations": {"running": generator.admission.running, "waiting": generator.admission.waiting},
    }
    return JSONResponse(body, status_code=200 if watch.present else 503)

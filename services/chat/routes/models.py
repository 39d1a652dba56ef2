"""GET /api/v1/models: what can answer here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.common.auth import Principal, require_scope
from services.common.language_models.answering import AnswerChain

router = APIRouter(prefix="/api/v1", tags=["models"])


@router.get("/models")
async def models(request: Request, _: Annotated[Principal, Depends(require_scope("chat"))]) -> dict[str, Any]:
    """`breaker`: whether the provider is being asked at the moment."""
    chain: AnswerChain = request.app.state.chain
    status = chain.status()
    return {
        "models": [
            {"name": model.name, "provider": model.provider, "context_tokens": model.context_tokens}
            for model in await chain.models()
        ],
        "providers": [{"name": name, "breaker": str(state)} for name, state in status.items()],
    }

"""GET /api/v1/models: what can answer here."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.common.auth import Principal, require_scope
from services.common.language_models.answering import AnswerChain
from services.common.watching import state_response

_LOOK_SECONDS = 2.0
"""A provider that is away is asked each time."""
router = APIRouter(prefix="/api/v1", tags=["models"])


@router.get("/models")
async def models(request: Request, _: Annotated[Principal, Depends(require_scope("chat"))]) -> Response:
    """`breaker`: whether the provider is being asked at the moment. On request as events."""
    chain: AnswerChain = request.app.state.chain

    async def read() -> dict[str, object]:
        return await _models(chain)

    return await state_response(request, read, every_seconds=_LOOK_SECONDS)


async def _models(chain: AnswerChain) -> dict[str, object]:
    status = chain.status()
    return {
        "models": [
            {"name": model.name, "provider": model.provider, "context_tokens": model.context_tokens}
            for model in await chain.models()
        ],
        "providers": [{"name": name, "breaker": str(state)} for name, state in status.items()],
    }

"""GET /v1/models and /v1/models/{id}: all that OpenAI's clients can name here, chat models first."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.chat.speech_models import SpeechModels
from services.common.auth import Principal, require_scope
from services.common.language_models.answering import AnswerChain
from services.common.language_models.problems import ModelNotFound

router = APIRouter(prefix="/v1/models", tags=["openai"])
Caller = Annotated[Principal, Depends(require_scope())]


@router.get("")
async def models(request: Request, _: Caller) -> dict[str, Any]:
    return {"object": "list", "data": await _known(request)}


@router.get("/{model_id:path}")
async def model(request: Request, model_id: str, _: Caller) -> dict[str, Any]:
    """A model's name may have slashes in it."""
    for known in await _known(request):
        if known["id"] == model_id:
            return known
    raise ModelNotFound


async def _known(request: Request) -> list[dict[str, Any]]:
    """`created`: when this service was started; models carry no date of their own."""
    state = request.app.state
    chain: AnswerChain = state.chain
    speech: SpeechModels = state.speech_models
    ours = [
        {"id": info.name, "object": "model", "created": int(state.built_at), "owned_by": info.provider}
        for info in await chain.models()
    ]
    unique: dict[str, dict[str, Any]] = {}
    for entry in [*ours, *await speech.list(request.headers["authorization"])]:
        unique.setdefault(entry["id"], entry)
    return list(unique.values())

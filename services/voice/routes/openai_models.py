"""GET /v1/models: the speech models. At the gateway, the chat service's list has these at its end."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.common.auth import Principal, require_scope
from services.voice import openai_names

router = APIRouter(prefix="/v1", tags=["openai"])


@router.get("/models")
async def models(request: Request, _: Annotated[Principal, Depends(require_scope())]) -> dict[str, Any]:
    """`created`: when this service was started; models carry no date of their own."""
    state = request.app.state
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": int(state.built_at), "owned_by": "parley"}
            for name in openai_names.model_ids(state.transcription, state.synthesis)
        ],
    }

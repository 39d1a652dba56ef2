"""GET /api/v1/voice/models/status: what each engine is and how it does."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import State

from services.common.auth import Principal, require_scope
from services.common.watching import state_response
from services.voice.engine_host import EngineHost

_LOOK_SECONDS = 1.0
router = APIRouter(prefix="/api/v1/voice", tags=["status"])


@router.get("/models/status")
async def models_status(request: Request, _: Annotated[Principal, Depends(require_scope())]) -> Response:
    """Seconds, bytes; real_time_factor is processing time per second of audio. On request as events."""
    state: State = request.app.state

    async def read() -> dict[str, object]:
        return _status(state)

    return await state_response(request, read, every_seconds=_LOOK_SECONDS)


def _status(state: State) -> dict[str, object]:
    return {
        "transcription": _statuses(state.transcription.hosts.values()),
        "synthesis": _statuses(state.synthesis.hosts.values()),
        "routing_threshold_seconds": state.settings.voice_stt_threshold_seconds,
    }


def _statuses(hosts: Iterable[EngineHost[Any]]) -> list[dict[str, Any]]:
    return [asdict(host.status()) for host in hosts]

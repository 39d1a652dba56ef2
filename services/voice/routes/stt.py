"""POST /api/v1/voice/stt/transcribe."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import State

from services.common import telemetry
from services.common.admission import Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.voice.routes.speech_form import SpeechForm, admitted_upload, parsed
from services.voice.routes.upload import Upload
from services.voice.transcription.engine_selection import Requested
from services.voice.transcription.formats import MEDIA_TYPES, ResponseFormat, as_json, as_text
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import Transcription, TranscriptionOptions, TranscriptionService

router = APIRouter(prefix="/api/v1/voice/stt", tags=["transcription"])
FILE_FIELD = "audio"


class TranscribeForm(SpeechForm):
    engine: Requested = Requested.AUTO
    word_timestamps: bool = False

    @property
    def options(self) -> TranscriptionOptions:
        return TranscriptionOptions(self.primary_language, self.engine, self.word_timestamps)


@router.post("/transcribe")
async def transcribe(
    request: Request, _: Annotated[Principal, Depends(require_scope("voice:transcribe"))]
) -> Response:
    async with admitted_upload(request, FILE_FIELD) as (upload, deadline):
        form = parsed(TranscribeForm, upload.fields)
        work = _transcribe(request.app.state, upload, form, deadline)
        result = await cancel_on_disconnect(request, work)
    return _response(result, form.response_format)


async def _transcribe(
    state: State, upload: Upload, form: TranscribeForm, deadline: Deadline
) -> Transcription:
    ear: Ear = state.ear
    service: TranscriptionService = state.transcription
    heard = await ear.hear(upload.file, upload.size_bytes, deadline)
    return await service.transcribe(heard.samples, heard.speech, form.options, deadline)


def _response(result: Transcription, chosen: ResponseFormat) -> Response:
    headers = {"X-Engine": result.engine or "none", "X-Degraded": str(result.degraded).lower()}
    if chosen in MEDIA_TYPES:
        return PlainTextResponse(as_text(result, chosen), headers=headers, media_type=MEDIA_TYPES[chosen])
    verbose = chosen is ResponseFormat.VERBOSE_JSON
    body: dict[str, Any] = as_json(result, telemetry.current_request_id(), verbose=verbose)
    return JSONResponse(body, headers=headers)

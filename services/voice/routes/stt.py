"""POST /api/v1/voice/stt/transcribe."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.common import telemetry
from services.common.admission import Admission, Deadline
from services.common.auth import Principal, require_scope
from services.common.disconnect import cancel_on_disconnect
from services.common.problems import InvalidRequest
from services.voice.routes.upload import Upload, read_upload
from services.voice.settings import VoiceSettings
from services.voice.transcription.engine_selection import Requested
from services.voice.transcription.formats import MEDIA_TYPES, ResponseFormat, as_json, as_text
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import Transcription, TranscriptionOptions, TranscriptionService

router = APIRouter(prefix="/api/v1/voice/stt", tags=["transcription"])
FILE_FIELD = "audio"


class TranscribeForm(BaseModel):
    """The form's fields beside the file. Unknown ones are ignored."""

    model_config = ConfigDict(extra="ignore")

    language: str | None = Field(default=None, pattern=r"^[a-zA-Z]{2,3}([_-][A-Za-z0-9]{2,8})*$")
    engine: Requested = Requested.AUTO
    response_format: ResponseFormat = ResponseFormat.JSON
    word_timestamps: bool = False

    @field_validator("language", mode="before")
    @classmethod
    def _auto_is_none(cls, language: object) -> object:
        return None if language in {"", "auto"} else language

    @property
    def options(self) -> TranscriptionOptions:
        primary = self.language.replace("_", "-").split("-")[0].lower() if self.language else None
        return TranscriptionOptions(primary, self.engine, self.word_timestamps)


@router.post("/transcribe")
async def transcribe(
    request: Request, _: Annotated[Principal, Depends(require_scope("voice:transcribe"))]
) -> Response:
    """Admission comes before the body is read: a refusal costs the client no upload and us no memory."""
    state = request.app.state
    settings: VoiceSettings = state.settings
    uploads: Admission = state.upload_admission
    deadline = _deadline(request, settings)
    async with uploads.slot(deadline):
        upload = await read_upload(request, FILE_FIELD, settings.voice_max_upload_bytes)
        try:
            form = _form(upload)
            work = _transcribe(state.ear, state.transcription, upload, form, deadline)
            result = await cancel_on_disconnect(request, work)
        finally:
            await upload.form.close()
    return _response(result, form.response_format)


async def _transcribe(
    ear: Ear, service: TranscriptionService, upload: Upload, form: TranscribeForm, deadline: Deadline
) -> Transcription:
    heard = await ear.hear(upload.file, upload.size_bytes, deadline)
    return await service.transcribe(heard.samples, heard.speech, form.options, deadline)


def _deadline(request: Request, settings: VoiceSettings) -> Deadline:
    seconds = settings.voice_stt_deadline_seconds
    header = request.headers.get("x-request-timeout")
    return Deadline.from_header(header, default_seconds=seconds, max_seconds=seconds)


def _form(upload: Upload) -> TranscribeForm:
    try:
        return TranscribeForm.model_validate(upload.fields)
    except ValidationError as exc:
        errors = [{"field": str(item["loc"][0]), "message": item["msg"]} for item in exc.errors()]
        raise InvalidRequest("A form field has a value that is not taken.", errors=errors) from exc


def _response(result: Transcription, chosen: ResponseFormat) -> Response:
    headers = {"X-Engine": result.engine or "none", "X-Degraded": str(result.degraded).lower()}
    if chosen in MEDIA_TYPES:
        return PlainTextResponse(as_text(result, chosen), headers=headers, media_type=MEDIA_TYPES[chosen])
    verbose = chosen is ResponseFormat.VERBOSE_JSON
    body: dict[str, Any] = as_json(result, telemetry.current_request_id(), verbose=verbose)
    return JSONResponse(body, headers=headers)
